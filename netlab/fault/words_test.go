package fault

import (
	"testing"
	"time"
)

func TestString(t *testing.T) {
	for _, tt := range []struct {
		f    Fault
		want string
	}{
		{Fault{Kind: Loss, Host: "ts1", Percent: 20, Direction: To, Peers: []string{"c1"}, Protocol: "udp", Port: 3345},
			"loss of 20 % of what ts1 receives from c1, udp port 3345"},
		{Fault{Kind: Cut, Host: "ts1", Interface: "eth0"}, "cut of what ts1:eth0 sends and receives"},
		{Fault{Kind: Delay, Host: "c1", Delay: 20 * time.Millisecond, Jitter: time.Millisecond, Direction: From, Peers: []string{"a", "b"}},
			"delay by 20ms +- 1ms of what c1 sends to a, b"},
		{Fault{Kind: Drop, Host: "ts1", Message: "PLATFORM_CHALLENGE_RESPONSE", Nth: 1, Direction: To},
			"drop of PLATFORM_CHALLENGE_RESPONSE 1 of what ts1 receives, inside the program"},
		{Fault{Kind: Drop, Host: "dc1", Message: "dns.SRV"}, "drop of dns.SRV in what dc1 sends and receives, on the wire"},
		{Fault{Kind: Drop, Host: "c1", Nth: 2, Times: 3}, "drop of frame 2 to 4 of what c1 sends and receives"},
		{Fault{Kind: Duplicate, Host: "c1", Times: 3, Copies: 2}, "duplicate 2 times of the first 3 frame of what c1 sends and receives"},
		{Fault{Kind: Rate, Host: "c1", Kilobits: 512, Peers: []string{"a"}}, "rate 512 kbit/s of what c1 sends and receives with a"},
		{Fault{Kind: Corrupt, Host: "c1", Checksum: Kept, Protocol: "tcp"}, "corrupt under the old checksum of what c1 sends and receives, tcp"},
		{Fault{Kind: Flap, Host: "c1", Schedule: Schedule{Every: 10 * time.Second, For: 2 * time.Second, From: time.Second}},
			"flap of what c1 sends and receives, 2s of every 10s, from 1s on"},
		{Fault{Kind: Cut, Host: "c1", Schedule: Schedule{Until: time.Second}}, "cut of what c1 sends and receives, until 1s"},
	} {
		if got := tt.f.String(); got != tt.want {
			t.Errorf("%q\nwant %q", got, tt.want)
		}
	}
}
