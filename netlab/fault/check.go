package fault

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// Protocols are the words for Fault.Protocol.
func Protocols() []string { return []string{"tcp", "udp", "icmp", "arp", "ipv4", "ipv6"} }

// Check says what is wrong with the fault itself. Whether the lab has its host, its
// interface and its peers is for the lab to say.
func (f Fault) Check() error {
	if err := f.check(); err != nil {
		name := f.Name
		if name == "" {
			name = string(f.Kind)
		}
		return fmt.Errorf("fault %s: %w", name, err)
	}
	return nil
}

func (f Fault) check() error {
	v, ok := VerbOf(f.Kind)
	switch {
	case !ok:
		return fmt.Errorf("there is no kind %q; there are %s", f.Kind, kinds())
	case !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:>-]{0,62}$`).MatchString(f.Name):
		return fmt.Errorf("name %q: want letters, digits and inner _.:>-, at most 63", f.Name)
	case f.Host == "":
		return errors.New("on no host; name the host, or one of its cables, as \"ts1:eth0\"")
	case f.Direction != Both && f.Direction != From && f.Direction != To:
		return fmt.Errorf("direction %q: want \"from\" for what %s sends, \"to\" for what it receives, or none for both", f.Direction, f.Host)
	}
	for _, check := range []func(Verb) error{f.checkFilter, f.checkMessage, f.checkNumbers, f.checkUse} {
		if err := check(v); err != nil {
			return err
		}
	}
	return f.Schedule.check()
}

func (f Fault) checkFilter(v Verb) error {
	switch {
	case f.Protocol != "" && !slices.Contains(Protocols(), f.Protocol):
		return fmt.Errorf("protocol %q: want one of %q", f.Protocol, Protocols())
	case f.Port != 0 && (f.Protocol == "arp" || f.Protocol == "icmp"):
		return fmt.Errorf("port %d: %s has no ports", f.Port, f.Protocol)
	case v.Kind == Reset && f.Protocol != "" && f.Protocol != "tcp":
		return fmt.Errorf("only TCP has resets, not %s", f.Protocol)
	case slices.Contains(f.Peers, f.Host):
		return fmt.Errorf("%s is not a peer of itself", f.Host)
	}
	return nil
}

func (f Fault) checkMessage(v Verb) error {
	if f.Level != ByMessage && f.Level != Wire && f.Level != Endpoint {
		return fmt.Errorf("level %q: want \"wire\" or \"endpoint\"", f.Level)
	}
	if v.Kind == Truncate && f.At() == Wire {
		return errors.New("a frame cannot be truncated, only a message inside a program: name one that TCP carries, and leave level out")
	}
	if f.Message == "" {
		if f.Level == Endpoint {
			return errors.New("a program knows messages, not frames: name a message, or leave level out")
		}
		return nil
	}
	if !KnownMessage(f.Message) {
		return fmt.Errorf("there is no message %q; %s", f.Message, messageAdvice())
	}
	if v.Kind == Rate || v.Kind == Cut || v.Kind == Flap {
		return fmt.Errorf("%s is about a cable, not about messages; to lose one use drop", v.Kind)
	}
	if f.At() == Wire && inTLS(f.Message) {
		return fmt.Errorf("%s is always inside TLS, where no wire can see it; leave level out, and the program does it", f.Message)
	}
	if f.At() == Wire {
		return nil
	}
	if datagram(f.Message) {
		return fmt.Errorf("%s travels in datagrams, which no program is asked about; leave level out", f.Message)
	}
	if !v.Inside {
		return fmt.Errorf("a program cannot %s a message; use drop, delay, corrupt, truncate or duplicate, or level=\"wire\"", v.Kind)
	}
	if len(f.Peers) > 0 || f.Protocol != "" || f.Port != 0 || f.Interface != "" {
		return errors.New("inside a program only message, direction, nth and times choose; leave peers, protocol, port and the interface out, or say level=\"wire\"")
	}
	return nil
}

// At is where the fault works: on the wire or inside a program.
func (f Fault) At() Level {
	if f.Level == ByMessage && f.Message != "" && !datagram(f.Message) {
		return Endpoint
	}
	if f.Level == Endpoint {
		return Endpoint
	}
	return Wire
}

func (f Fault) checkNumbers(Verb) error {
	switch {
	case f.Percent < 0 || f.Percent > 100 || f.Percent != f.Percent:
		return fmt.Errorf("percent %v: want above 0 and at most 100", f.Percent)
	case f.Nth < 0 || f.Times < 0:
		return errors.New("nth and times are counted from 1")
	case f.Delay < 0 || f.Delay > MaxDelay:
		return fmt.Errorf("delay %v: want above 0 and at most %v", f.Delay, MaxDelay)
	case f.Jitter < 0 || f.Jitter > f.Delay:
		return fmt.Errorf("jitter %v: want at most the delay, %v: nothing arrives before it was sent", f.Jitter, f.Delay)
	case f.Overtake && f.Jitter == 0:
		return errors.New("overtake: without jitter nothing overtakes anything")
	case f.Gap < 0 || f.Gap > maxGap:
		return fmt.Errorf("gap %d: want 1 to %d frames", f.Gap, maxGap)
	case f.Copies < 0 || f.Copies > maxCopies:
		return fmt.Errorf("copies %d: want 1 to %d", f.Copies, maxCopies)
	case f.Kilobits < 0 || f.Kilobits > maxKilobits:
		return fmt.Errorf("kbit %d: want 1 to %d", f.Kilobits, maxKilobits)
	case f.Burst != 0 && f.Burst < smallestFrame, f.Queue != 0 && f.Queue < smallestFrame:
		return fmt.Errorf("burst %d, queue %d: a frame of %d bytes must fit into each", f.Burst, f.Queue, smallestFrame)
	case f.Checksum != Renewed && f.Checksum != Kept:
		return fmt.Errorf("checksum %q: want \"kept\", or none for renewed", f.Checksum)
	}
	return nil
}

// checkUse refuses parameters that the kind has no use for and misses those it needs.
func (f Fault) checkUse(v Verb) error {
	given := []struct {
		name string
		is   bool
	}{
		{"percent", f.Percent != 0}, {"delay", f.Delay != 0}, {"jitter", f.Jitter != 0}, {"overtake", f.Overtake},
		{"gap", f.Gap != 0}, {"kbit", f.Kilobits != 0}, {"burst", f.Burst != 0}, {"queue", f.Queue != 0},
		{"checksum", f.Checksum != Renewed}, {"copies", f.Copies != 0},
		{"every", f.Schedule.Every != 0}, {"lasting", f.Schedule.For != 0},
	}
	for _, p := range given {
		switch {
		case !p.is && slices.Contains(v.Needs, p.name):
			return fmt.Errorf("%s is missing: %s", p.name, v.Text)
		case p.is && !v.takes(p.name) && p.name != "every" && p.name != "lasting":
			return fmt.Errorf("%s means nothing here: %s", p.name, v.Text)
		}
	}
	if (f.Nth > 0 || f.Times > 0) && (v.Kind == Rate || v.Kind == Cut || v.Kind == Flap) {
		return fmt.Errorf("nth and times mean nothing here: %s", v.Text)
	}
	return nil
}
