package ts

import (
	"sync"
	"time"

	"github.com/tslab/tslab/internal/rdpconn"
)

// adminSessions is how many sessions a terminal server for remote administration
// has. It is no matter of licenses.
const adminSessions = 2

// Session is one that is logged on.
type Session struct {
	User       string    `json:"user"`
	Device     string    `json:"device"`
	HardwareID string    `json:"hardware_id,omitempty"`
	Since      time.Time `json:"since"` // by the calendar
}

// seats counts the clients that have come through licensing: a seat is taken there
// and then, so that of any number who come at once no more get in than there are.
type seats struct {
	mu    sync.Mutex
	taken map[*rdpconn.Conn]*Session // nil: not logged on yet
}

// take gives c a seat if may says so, which is told how many are taken.
func (s *seats) take(c *rdpconn.Conn, may func(taken int) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !may(len(s.taken)) {
		return false
	}
	if s.taken == nil {
		s.taken = map[*rdpconn.Conn]*Session{}
	}
	s.taken[c] = nil
	return true
}

// leave gives c's seat back, if it has one.
func (s *seats) leave(c *rdpconn.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.taken, c)
}

// logOn names who sits on c's seat.
func (s *seats) logOn(c *rdpconn.Conn, session Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.taken[c]; ok { // else it was ended meanwhile
		s.taken[c] = &session
	}
}

// sessions lists those who are logged on.
func (s *seats) sessions() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Session{}
	for _, session := range s.taken {
		if session != nil {
			list = append(list, *session)
		}
	}
	return list
}

// of reports whether the user has a session.
func (s *seats) of(user string) bool {
	for _, session := range s.sessions() {
		if session.User == user {
			return true
		}
	}
	return false
}

// end ends the sessions of the user. Their seats are free when this returns.
func (s *seats) end(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, session := range s.taken {
		if session != nil && session.User == user {
			delete(s.taken, c)
			go c.Close() // it may take its step's time to say good-bye
		}
	}
}
