package fault

import (
	"fmt"
	"strings"
)

// String is the fault in words, without its name: "loss of 20 % of what ts1 receives
// from c1, udp port 3345".
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.what())
	b.WriteString(f.which())
	b.WriteString(f.whose())
	if f.Protocol != "" || f.Port != 0 {
		b.WriteString(",")
	}
	if f.Protocol != "" {
		b.WriteString(" " + f.Protocol)
	}
	if f.Port != 0 {
		fmt.Fprintf(&b, " port %d", f.Port)
	}
	if s := f.Schedule.String(); s != "" {
		b.WriteString(", " + s)
	}
	switch {
	case f.Message != "" && f.At() == Endpoint:
		b.WriteString(", inside the program")
	case f.Message != "":
		b.WriteString(", on the wire")
	}
	return b.String()
}

// what is the kind with its parameters.
func (f Fault) what() string {
	s := string(f.Kind)
	switch f.Kind {
	case Delay:
		s += fmt.Sprintf(" by %v", f.Delay)
		if f.Jitter > 0 {
			s += fmt.Sprintf(" +- %v", f.Jitter)
		}
	case Rate:
		s += fmt.Sprintf(" %d kbit/s", f.Kilobits)
	case Duplicate:
		if f.Copies > 1 {
			s += fmt.Sprintf(" %d times", f.Copies)
		}
	case Corrupt:
		if f.Checksum == Kept {
			s += " under the old checksum"
		}
	}
	return s + " of"
}

// which is the frames or messages among all.
func (f Fault) which() string {
	var s string
	if f.Percent > 0 && f.Percent < 100 {
		s = fmt.Sprintf(" %v %% of", f.Percent)
	}
	unit := f.Message
	if unit == "" && (f.Nth > 0 || f.Times > 0) {
		unit = "frame"
	}
	switch {
	case f.Nth > 0 && f.Times > 1:
		s += fmt.Sprintf(" %s %d to %d of", unit, f.Nth, f.Nth+f.Times-1)
	case f.Nth > 0:
		s += fmt.Sprintf(" %s %d of", unit, f.Nth)
	case f.Times > 0:
		s += fmt.Sprintf(" the first %d %s of", f.Times, unit)
	case unit != "":
		s += " " + unit + " in"
	}
	return s
}

// whose is the place, with the direction.
func (f Fault) whose() string {
	at := f.Host
	if f.Interface != "" {
		at += ":" + f.Interface
	}
	peers := strings.Join(f.Peers, ", ")
	switch f.Direction {
	case From:
		if peers != "" {
			peers = " to " + peers
		}
		return " what " + at + " sends" + peers
	case To:
		if peers != "" {
			peers = " from " + peers
		}
		return " what " + at + " receives" + peers
	}
	if peers != "" {
		peers = " with " + peers
	}
	return " what " + at + " sends and receives" + peers
}
