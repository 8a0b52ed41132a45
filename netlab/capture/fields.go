//go:build linux

package capture

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Field is a field of a message as it was decoded: its path within the message, such
// as "Referrals[0].Address", and its value in words or as hexadecimal digits.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

const (
	longestBytes = 32 // of a field of bytes that are shown
	mostElements = 16 // of a list that are shown
)

// Fields are the fields of the message, in the order of the wire; none where it
// could not be read. What the licensing keys seal is as it was on the wire: Text
// says what is in it.
func (m Message) Fields() []Field {
	if m.body == nil {
		return nil
	}
	return appendFields(nil, "", reflect.ValueOf(m.body))
}

// appendFields walks the exported fields of a message.
func appendFields(fields []Field, name string, v reflect.Value) []Field {
	if text, ok := inWords(v); ok {
		return append(fields, Field{name, text})
	}
	switch v.Kind() {
	case reflect.Pointer:
		return appendFields(fields, name, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				inner := strings.TrimPrefix(name+"."+f.Name, ".")
				if f.Anonymous {
					inner = name
				}
				fields = appendFields(fields, inner, v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range min(v.Len(), mostElements) {
			fields = appendFields(fields, fmt.Sprintf("%s[%d]", name, i), v.Index(i))
		}
		if n := v.Len() - mostElements; n > 0 {
			fields = append(fields, Field{name, fmt.Sprintf("and %d more", n)})
		}
	}
	return fields
}

// inWords is the value of a field that is not made of others.
func inWords(v reflect.Value) (string, bool) {
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return "none", true
	}
	if t, ok := v.Interface().(time.Time); ok {
		if t.IsZero() {
			return "none", true
		}
		return t.UTC().Format(time.RFC3339), true
	}
	if s, ok := v.Interface().(fmt.Stringer); ok && v.Kind() != reflect.Struct && v.Kind() != reflect.Pointer {
		return s.String(), true
	}
	switch v.Kind() {
	case reflect.String:
		return v.String(), true
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprint(v.Interface()), true
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			return "none", v.Len() == 0
		}
		return digits(v), true
	}
	return "", false
}

// digits are the first bytes of a field, and how many it has in all.
func digits(v reflect.Value) string {
	b := make([]byte, v.Len())
	reflect.Copy(reflect.ValueOf(b), v)
	if len(b) <= longestBytes {
		return hex.EncodeToString(b)
	}
	return fmt.Sprintf("%s... (%d bytes)", hex.EncodeToString(b[:longestBytes]), len(b))
}
