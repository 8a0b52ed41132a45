package rules

// Walked is what the table says about a combination.
type Walked struct {
	Path   []*Rule // the rules that fit, in order; the last one decides
	Answer *Rule   // the license server's rule, when one was asked
}

// last is the rule that decides.
func (w Walked) last() *Rule {
	if len(w.Path) == 0 {
		return nil
	}
	return w.Path[len(w.Path)-1]
}

// events lists what is logged on the way.
func (w Walked) events() []string {
	var list []string
	for _, r := range w.Path {
		if r.Event != "" {
			list = append(list, r.Event)
		}
	}
	return list
}

// walk takes a connection through the gate and on to the part that decides. It
// returns the combination as the deciding part saw it; a nil last rule is a hole.
func (v *view) walk(c combination) (Walked, combination) {
	var w Walked
	part := Gate
	for _, r := range v.parts[Gate] {
		if !r.fits(&c) {
			continue
		}
		w.Path = append(w.Path, r)
		c.apply(r.sets)
		if r.Result != "go-on" {
			return w, c
		}
		if part = r.next; part != "" {
			break
		}
	}
	for part != "" && part != Gate {
		r := v.first(part, &c)
		if r == nil {
			return Walked{Path: append(w.Path, nil)}, c
		}
		w.Path = append(w.Path, r)
		c.apply(r.sets)
		if r.Result != "go-on" {
			break
		}
	}
	if w.last() == nil || w.last().Result == "go-on" {
		return Walked{Path: append(w.Path, nil)}, c
	}
	if ask, ok := v.question(w.last(), c); ok {
		w.Answer = v.first(LicenseServer, &ask)
	}
	return w, c
}

func (c *combination) apply(sets []assigned) {
	for _, s := range sets {
		c[s.column] = s.value
	}
}

// question is what the license server is asked when rule r decided about c; false
// if it is not asked for a token.
func (v *view) question(r *Rule, c combination) (combination, bool) {
	if !c.is(colLS, "up") || r.AsksNot || r.Part != Device && r.Part != User {
		return c, false
	}
	request := v.request(&c)
	if request == "" {
		return c, false
	}
	c.set(colRequest, request)
	if r.Part == User {
		c.set(colFree, "n")
		c.set(colPeer, "n")
	}
	return c, true
}

// request is the terminal server's request for a token, "" if it asks for none:
// part question.
func (v *view) request(c *combination) string {
	r := v.first(Question, c)
	if r == nil || r.Result == "nothing" || r.Result == "ping" {
		return ""
	}
	return r.Result
}

// decide takes a combination through a part that ends in it: the rules that fit, of
// which the last decides, and the others said where to read on. Nil last is a hole.
func (v *view) decide(p Part, c *combination) Walked {
	var w Walked
	onward := ""
	for _, r := range v.parts[p] {
		if onward != "" && r.Number != onward || !r.fits(c) {
			if r.Number == onward {
				onward = ""
			}
			continue
		}
		w.Path = append(w.Path, r)
		if onward = r.onward; onward == "" {
			return w
		}
	}
	return Walked{Path: append(w.Path, nil)}
}

// unfold lists the events of a rule's event: 1004+ is what part acquire says.
func (v *view) unfold(event string, named bool) []string {
	if event != "1004+" {
		return []string{event}
	}
	var c combination
	c.set(colUser, map[bool]string{true: "named", false: "unnamed"}[named])
	r := v.first(Acquire, &c)
	switch {
	case r == nil:
		return nil
	case r.Also != "":
		return []string{r.Event, r.Also}
	}
	return []string{r.Event}
}
