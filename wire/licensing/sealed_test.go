package licensing_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdpsec"
)

func testKeys(t testing.TB, seed byte) rdpsec.LicenseKeys {
	t.Helper()
	keys, err := rdpsec.NewLicenseKeys(filled(48, seed), filled(32, 1), filled(32, 2))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

var (
	testID        = hwid.New(0x02010000, [16]byte{1, 2, 3, 4})
	testChallenge = []byte("0123456789")
)

func TestSealedBothWays(t *testing.T) {
	keys := testKeys(t, 7)
	info := &licensing.LicenseInfo{License: []byte("license")}
	info.Seal(keys, testID)
	if id, err := info.Open(keys); err != nil || id != testID {
		t.Errorf("hardware id %v, %v", id, err)
	}
	if challenge, err := licensing.SealChallenge(keys, testChallenge).Open(keys); err != nil || !bytes.Equal(challenge, testChallenge) {
		t.Errorf("challenge %x, %v", challenge, err)
	}
	for _, form := range []licensing.ResponseForm{licensing.FormSpecified, licensing.FormEcho, licensing.FormPadded} {
		want := licensing.ResponseData{Form: form, Challenge: testChallenge}
		if form != licensing.FormEcho {
			want.ClientType, want.Detail = licensing.ClientWinCE, licensing.DetailModerate
		}
		m := licensing.SealResponse(keys, licensing.AppendResponseData(nil, want), testID)
		got, id, err := m.Open(keys, testChallenge)
		if diff := cmp.Diff(want, got); err != nil || id != testID || diff != "" {
			t.Errorf("%v: %v, %v; -want +got\n%s", form, id, err, diff)
		}
	}
	license := licensing.NewLicenseInfo{Version: 0x00050000, Scope: "lab.example", Company: "Lab", Product: "LAB-TS", License: filled(6500, 3)}
	sealed := licensing.SealLicense(keys, license)
	got, err := sealed.Open(keys)
	if diff := cmp.Diff(license, got); err != nil || diff != "" {
		t.Errorf("%v; -want +got\n%s", err, diff)
	}
}

func TestOtherKeysAreABadMAC(t *testing.T) {
	keys, wrong := testKeys(t, 7), testKeys(t, 8)
	info := &licensing.LicenseInfo{}
	info.Seal(keys, testID)
	_, infoErr := info.Open(wrong)
	_, challengeErr := licensing.SealChallenge(keys, testChallenge).Open(wrong)
	_, _, responseErr := licensing.SealResponse(keys, testChallenge, testID).Open(wrong, testChallenge)
	sealed := licensing.SealLicense(keys, licensing.NewLicenseInfo{})
	_, licenseErr := sealed.Open(wrong)
	for name, err := range map[string]error{"info": infoErr, "challenge": challengeErr, "response": responseErr, "license": licenseErr} {
		if !errors.Is(err, licensing.ErrMAC) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWellSealedNonsense(t *testing.T) {
	keys := testKeys(t, 7)
	short := &licensing.LicenseInfo{EncryptedHWID: keys.Encrypt([]byte{1}), MAC: keys.MAC([]byte{1})}
	if _, err := short.Open(keys); err == nil || errors.Is(err, licensing.ErrMAC) {
		t.Errorf("hardware id of one byte: %v", err)
	}
	other := licensing.SealResponse(keys, []byte("another"), testID)
	if _, _, err := other.Open(keys, testChallenge); !errors.Is(err, licensing.ErrChallenge) {
		t.Errorf("answer to another challenge: %v", err)
	}
	odd := licensing.SealResponse(keys, append([]byte("junk before "), testChallenge...), testID)
	if d, _, err := odd.Open(keys, testChallenge); err != nil || d.Form != licensing.FormEcho {
		t.Errorf("anything that ends with the challenge: %v, %v", d, err)
	}
	joined := append([]byte{9}, testID[:]...) // the MAC covers response and id together, not each
	m := &licensing.PlatformChallengeResponse{EncryptedResponse: keys.Encrypt(joined), MAC: keys.MAC(joined)}
	if _, _, err := m.Open(keys, nil); err == nil {
		t.Error("a response without a hardware id is accepted")
	}
}

func TestNewLicenseInfoTruncated(t *testing.T) {
	whole := licensing.AppendNewLicenseInfo(nil, licensing.NewLicenseInfo{Version: 1, Scope: "s", Company: "c", Product: "p", License: []byte{1, 2}})
	for n := range whole {
		if info, err := licensing.ParseNewLicenseInfo(whole[:n]); !errors.Is(err, cursor.ErrTruncated) {
			t.Errorf("cut to %d: %+v, %v", n, info, err)
		}
	}
	if _, err := licensing.ParseNewLicenseInfo(append(whole, 0)); !errors.Is(err, cursor.ErrTrailing) {
		t.Errorf("trailing byte: %v", err)
	}
}

func TestAlertError(t *testing.T) {
	cause := errors.New("the reason")
	sent := &licensing.AlertError{Alert: licensing.Abort(licensing.InvalidMAC), Sent: true, Cause: cause}
	var alert *licensing.ErrorAlert
	if !errors.Is(sent, cause) || !errors.As(sent, &alert) || alert.Code != licensing.InvalidMAC {
		t.Errorf("%v unwraps to neither", sent)
	}
	for want, err := range map[string]error{
		"sent ERR_INVALID_MAC, ST_TOTAL_ABORT: the reason":    sent,
		"sent ERR_NO_LICENSE, ST_TOTAL_ABORT":                 &licensing.AlertError{Alert: licensing.Abort(licensing.NoLicense), Sent: true},
		"received ERR_NO_LICENSE_SERVER, ST_TOTAL_ABORT":      &licensing.AlertError{Alert: licensing.Abort(licensing.NoLicenseServer)},
		"received ERR_INVALID_CLIENT, ST_RESEND_LAST_MESSAGE": &licensing.AlertError{Alert: &licensing.ErrorAlert{Code: licensing.InvalidClient, Transition: licensing.ResendLastMessage}},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}
