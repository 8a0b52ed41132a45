package rdp

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLogonInfo(t *testing.T) {
	for name, tt := range map[string]struct {
		body []byte
		want LogonInfo
	}{
		"logged on":       {AppendLogonNotify(nil), LogonInfo{}},
		"wrong password":  {AppendLogonError(nil, LogonBadPassword), LogonInfo{Failed: true}},
		"may not log on":  {AppendLogonError(nil, LogonFailedOther), LogonInfo{Failed: true, Reason: LogonFailedOther}},
		"another failure": {AppendLogonError(nil, 77), LogonInfo{Failed: true, Reason: 77}},
		"a cookie only":   {[]byte{3, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 9, 9}, LogonInfo{}},
	} {
		got, err := ParseLogonInfo(tt.body)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v -want +got\n%s", name, err, diff)
		}
	}
}

func TestLogonInfoTruncated(t *testing.T) {
	whole := AppendLogonError(nil, LogonBadPassword)
	for n := range 4 + logonExtendedHead + 4 + logonErrorsSize {
		if info, err := ParseLogonInfo(whole[:n]); err == nil {
			t.Errorf("%d bytes: %+v and no error", n, info)
		}
	}
	if len(whole) != 592 {
		t.Errorf("a logon error has %d bytes, want 592", len(whole))
	}
}
