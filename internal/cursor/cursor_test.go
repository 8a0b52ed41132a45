package cursor_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/cursor"
)

func TestFieldsBothWays(t *testing.T) {
	var w cursor.Writer
	w.U8(1)
	w.U16(0x0203)
	w.U32(0x04050607)
	w.U64(0x08090a0b0c0d0e0f)
	w.U16BE(0x1011)
	w.U32BE(0x12131415)
	w.Append([]byte("ab"))
	w.Zero(2)
	w.SetU16(1, 0x0302)

	r := cursor.NewReader(w.Bytes())
	if v := r.U8("a"); v != 1 {
		t.Errorf("U8 = %#x", v)
	}
	if v := r.U16("b"); v != 0x0302 {
		t.Errorf("U16 = %#x", v)
	}
	if v := r.U32("c"); v != 0x04050607 {
		t.Errorf("U32 = %#x", v)
	}
	if v := r.U64("d"); v != 0x08090a0b0c0d0e0f {
		t.Errorf("U64 = %#x", v)
	}
	if v := r.U16BE("e"); v != 0x1011 {
		t.Errorf("U16BE = %#x", v)
	}
	if v := r.U32BE("f"); v != 0x12131415 {
		t.Errorf("U32BE = %#x", v)
	}
	if v := string(r.Bytes("g", 2)); v != "ab" {
		t.Errorf("Bytes = %q", v)
	}
	if err := r.End(); !errors.Is(err, cursor.ErrTrailing) {
		t.Errorf("End with 2 bytes left: %v", err)
	}
	r.Skip("h", 2)
	if err := r.End(); err != nil {
		t.Errorf("End: %v", err)
	}
}

func TestFirstErrorStays(t *testing.T) {
	r := cursor.NewReader([]byte{1, 2, 3})
	r.U16("first")
	if v := r.U32("dwErrorCode"); v != 0 {
		t.Errorf("truncated read = %d, want 0", v)
	}
	r.U8("later")
	err := r.Err()
	if !errors.Is(err, cursor.ErrTruncated) {
		t.Fatalf("Err = %v, want ErrTruncated", err)
	}
	for _, part := range []string{"dwErrorCode", "offset 2", "need 4 bytes, have 1"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	if r.Len() != 0 {
		t.Errorf("Len after an error = %d", r.Len())
	}
}

func TestNegativeLength(t *testing.T) {
	r := cursor.NewReader(make([]byte, 8))
	if b := r.Bytes("cbCertificate", -1); b != nil || r.Err() == nil {
		t.Errorf("Bytes(-1) = %v, %v", b, r.Err())
	}
}
