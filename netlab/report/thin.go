//go:build linux

package report

import (
	"fmt"
	"sort"
)

// Gap is the kind of a line that stands for messages and events of a step that a page
// has no room for.
const Gap = "gap"

// thin leaves at most so many messages and events of a story, the first of each step:
// a crowd does much the same again and again. What the drill did, and what it
// expected, stays whole.
func thin(lines []Line, most int) []Line {
	counts := []int{0} // of each step
	for _, l := range lines {
		if l.Kind == Step {
			counts = append(counts, 0)
		} else if dense(l) {
			counts[len(counts)-1]++
		}
	}
	each := share(counts, most)
	var kept []Line
	step, n := 0, 0
	for _, l := range lines {
		switch {
		case l.Kind == Step:
			step, n = step+1, 0
		case dense(l):
			if n++; n == each+1 {
				l = Line{Kind: Gap, Machine: l.Machine, Lab: l.Lab, Own: l.Own,
					Text: fmt.Sprintf("%d more messages and events of this step are in the capture", counts[step]-each)}
			} else if n > each {
				continue
			}
		}
		kept = append(kept, l)
	}
	return kept
}

// dense tells whether a line is of the sort that there may be very many of.
func dense(l Line) bool { return l.Kind == Message || l.Kind == Event && !l.Bad }

// share is how many lines each step may have so that all have at most so many: steps
// with fewer leave their rest to the others.
func share(counts []int, most int) int {
	return sort.Search(most, func(each int) bool {
		sum := 0
		for _, n := range counts {
			sum += min(n, each+1)
		}
		return sum > most
	})
}
