package edition

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// codec shows and sets the field of one knob. set refuses by returning false.
type codec struct {
	values string // the closed list, or what the value is
	get    func(p *Profile) string
	set    func(p *Profile, value string) bool
}

// choice is a knob with a closed list of names.
func choice[T ~string](field func(*Profile) *T, values ...T) codec {
	var names []string
	for _, v := range values {
		names = append(names, string(v))
	}
	return codec{
		values: strings.Join(names, ", "),
		get:    func(p *Profile) string { return string(*field(p)) },
		set: func(p *Profile, value string) bool {
			*field(p) = T(value)
			return slices.Contains(names, value)
		},
	}
}

// toggle is a knob of two words.
func toggle(field func(*Profile) *bool, no, yes string) codec {
	return codec{
		values: no + ", " + yes,
		get: func(p *Profile) string {
			if *field(p) {
				return yes
			}
			return no
		},
		set: func(p *Profile, value string) bool {
			*field(p) = value == yes
			return value == yes || value == no
		},
	}
}

// number is a knob that counts; a closed list of numbers may limit it.
func number(field func(*Profile) *int, allowed ...int) codec {
	values := "a number"
	if len(allowed) > 0 {
		values = strings.Trim(strings.ReplaceAll(fmt.Sprint(allowed), " ", ", "), "[]")
	}
	return codec{
		values: values,
		get:    func(p *Profile) string { return strconv.Itoa(*field(p)) },
		set: func(p *Profile, value string) bool {
			n, err := strconv.Atoi(value)
			*field(p) = n
			return err == nil && n >= 0 && n < 1e6 && (len(allowed) == 0 || slices.Contains(allowed, n))
		},
	}
}

// life is a knob of days, drawn or fixed; unlimited is the word for no end.
func life(field func(*Profile) *Life, unlimited, values string) codec {
	return codec{
		values: values,
		get: func(p *Profile) string {
			if l := *field(p); !l.Unlimited() {
				return l.String()
			}
			return unlimited
		},
		set: func(p *Profile, value string) bool {
			l, ok := parseLife(value, unlimited)
			*field(p) = l
			return ok
		},
	}
}

func parseLife(value, unlimited string) (Life, bool) {
	if value == unlimited {
		return Life{}, true
	}
	low, high, ranged := strings.Cut(value, "..")
	if !ranged {
		high = low
	}
	lo, err1 := strconv.Atoi(low)
	hi, err2 := strconv.Atoi(high)
	ok := err1 == nil && err2 == nil && lo > 0 && lo <= hi && hi < 1e6
	return Life{Min: lo, Max: hi}, ok
}

// list is a knob of several words, separated by commas; with a closed set of
// words, no others may stand in it.
func list(field func(*Profile) *[]string, allowed ...string) codec {
	values := "a list of names"
	if len(allowed) > 0 {
		values = "a list of " + strings.Join(allowed, ", ")
	}
	return codec{
		values: values,
		get:    func(p *Profile) string { return strings.Join(*field(p), ", ") },
		set: func(p *Profile, value string) bool {
			var words []string
			for word := range strings.SplitSeq(value, ",") {
				word = strings.TrimSpace(word)
				if word == "" || len(allowed) > 0 && !slices.Contains(allowed, word) {
					return false
				}
				words = append(words, word)
			}
			*field(p) = words
			return true
		},
	}
}

// span is a knob of calendar time: 2d, 36h, 15m.
func span(field func(*Profile) *time.Duration) codec {
	return codec{
		values: "a duration such as 2d, 36h or 15m",
		get: func(p *Profile) string {
			d := *field(p)
			if d%(24*time.Hour) == 0 {
				return strconv.Itoa(int(d/(24*time.Hour))) + "d"
			}
			return shortDuration(d)
		},
		set: func(p *Profile, value string) bool {
			var err error
			var d time.Duration
			if days, ok := strings.CutSuffix(value, "d"); ok {
				var n int
				n, err = strconv.Atoi(days)
				d = time.Duration(n) * 24 * time.Hour
			} else {
				d, err = time.ParseDuration(value)
			}
			*field(p) = d
			return err == nil && d > 0
		},
	}
}

// shortDuration is 36h for 36h0m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
