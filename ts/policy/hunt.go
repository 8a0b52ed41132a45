package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tslab/tslab/wire/tsls"
)

// Hunt is the way of one request through license servers (rules L5, M50, L22): to the
// first, to those that it refers to, one after the other, and back to the first when
// none of them has what is wanted. It asks nobody twice, but for the first at the end,
// and at most as many targets as a request may make hops. A Hunt that was answered or
// left alone at each step ends, whatever the answers were.
type Hunt struct {
	request tsls.Allocate
	first   string
	hops    int

	phase  phase
	asked  map[string]bool // addresses and names, in lower case
	list   []tsls.Referral // to be asked yet
	at     tsls.Referral   // being asked
	from   tsls.ServerInfo // the first, as it answered
	failed []string

	info     tsls.ServerInfo
	answer   tsls.Allocated
	referred bool
	err      error
}

type phase uint8

const (
	askFirst phase = iota
	askTargets
	askFinal
	hunted
)

var errRefersAgain = errors.New("refers again after its whole list was asked")

// NewHunt begins a hunt at the license server at address first. avoid are addresses
// and names of license servers that have been asked in vain for this client already.
func NewHunt(first string, request tsls.Allocate, maxHops int, avoid ...string) *Hunt {
	h := &Hunt{request: request, first: first, hops: min(maxHops, tsls.MaxFailed), asked: map[string]bool{}}
	h.note(append(avoid, first)...)
	return h
}

func (h *Hunt) note(names ...string) {
	for _, name := range names {
		if name != "" {
			h.asked[strings.ToLower(name)] = true
		}
	}
}

// Next is whom to ask what; ok is false when the hunt is over.
func (h *Hunt) Next() (addr string, m tsls.Allocate, ok bool) {
	m = h.request
	switch h.phase {
	case askFirst:
		return h.first, m, true
	case askTargets:
		for len(h.list) > 0 && h.hops > 0 {
			h.at, h.list = h.list[0], h.list[1:]
			if h.asked[strings.ToLower(h.at.Address)] || h.asked[strings.ToLower(h.at.Name)] {
				h.miss()
				continue
			}
			h.note(h.at.Address, h.at.Name)
			h.hops--
			m.Hops, m.ReferredBy, m.Validated = 1, h.from.ServerID, h.at.Validated
			return h.at.Address, m, true
		}
		h.phase = askFinal
		fallthrough
	case askFinal:
		m.Final, m.Failed = true, h.failed
		return h.first, m, true
	}
	return "", m, false
}

// Answered takes the answer of the one who was asked.
func (h *Hunt) Answered(info tsls.ServerInfo, a tsls.Allocated) {
	switch {
	case h.phase == askTargets && !a.Answer.Issues():
		h.miss()
	case h.phase == askFirst && a.Answer == tsls.AnswerRefer:
		h.from, h.list, h.phase = info, a.Referrals, askTargets
		h.note(info.Name)
	case h.phase == askFinal && a.Answer == tsls.AnswerRefer:
		h.end(info, a, fmt.Errorf("license server %s: %w", info.Name, errRefersAgain))
	default:
		h.referred = h.phase == askTargets
		h.end(info, a, nil)
	}
}

// Silent notes that who was asked did not answer.
func (h *Hunt) Silent(err error) {
	if h.phase == askTargets {
		h.miss()
		return
	}
	h.end(tsls.ServerInfo{}, tsls.Allocated{}, err)
}

// miss notes a target that has nothing.
func (h *Hunt) miss() {
	if len(h.failed) < tsls.MaxFailed {
		h.failed = append(h.failed, h.at.Name)
	}
}

func (h *Hunt) end(info tsls.ServerInfo, a tsls.Allocated, err error) {
	h.phase, h.info, h.answer, h.err = hunted, info, a, err
}

// Result is who decided what, once the hunt is over. referred: it was not the first
// license server.
func (h *Hunt) Result() (info tsls.ServerInfo, a tsls.Allocated, referred bool, err error) {
	return h.info, h.answer, h.referred, h.err
}

// Report is what the first license server is told when another has issued a license to
// the device: it closes the temporary token that the device has of it (decision L26).
// licenseID is of the new license. ok is false when there is nothing to tell.
func (h *Hunt) Report(licenseID string) (m tsls.Close, ok bool) {
	permanent := h.answer.Answer.Issues() && h.answer.Answer != tsls.AnswerTempNew && h.answer.Answer != tsls.AnswerTempRow
	if !h.referred || !permanent || !h.from.Features.Has(tsls.FeatureReferral) {
		return tsls.Close{}, false
	}
	return tsls.Close{HardwareID: h.request.HardwareID, Machine: h.request.Machine, LicenseID: licenseID, Server: h.info.Name}, true
}
