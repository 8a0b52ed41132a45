package ls

import "time"

// AnnounceDue is when the inventory is announced again.
func AnnounceDue(s *Server) time.Time { return s.announceDue() }

// AnnounceAgain announces it at that date.
func AnnounceAgain(s *Server, now time.Time) { s.announceAgain(now) }
