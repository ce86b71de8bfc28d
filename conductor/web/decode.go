package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"
)

// command reads a JSON command into v, strictly. If it fails, it has already answered, and ok is false.
func command(w http.ResponseWriter, r *http.Request, v any) (ok bool) {
	data, ok := textBody(w, r)
	if !ok {
		return false
	}
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	if string(bytes.TrimSpace(data)) == "null" { // encoding/json would accept it without effect
		fail(w, http.StatusBadRequest, "the body: expected an object, got null")
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil {
		if at, wrong := fieldsOf(data, reflect.TypeOf(v).Elem()); wrong != nil {
			fail(w, http.StatusBadRequest, "%s at %s", wrong, where(data, wrong, at))
			return false
		}
	}
	if err == nil {
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			return true
		}
		err = errors.New("more than one JSON value")
	}
	fail(w, http.StatusBadRequest, "%s at %s", complaintOf(err), where(data, err, dec.InputOffset()))
	return false
}

// fieldsOf rejects what encoding/json accepts in an object: a name whose letters differ in case from the type's, and a
// field that is given twice, of which encoding/json takes the last. It returns the position where the name of that
// field ends.
func fieldsOf(data []byte, of reflect.Type) (at int64, err error) {
	known := map[string]bool{} // true: the field has occurred in the object
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		known[name] = false
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if _, err := dec.Token(); err != nil { // the brace
		return dec.InputOffset(), err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return dec.InputOffset(), err
		}
		text, at := name.(string), dec.InputOffset()
		before, ours := known[text]
		switch {
		case !ours:
			return at, fmt.Errorf("unknown field %q", text)
		case before:
			return at, fmt.Errorf("field %q: given twice", text)
		}
		known[text] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return dec.InputOffset(), err
		}
	}
	return 0, nil
}

// complaintOf describes the error of a command's body: invalid JSON, or an invalid value.
func complaintOf(err error) string {
	var kind *json.UnmarshalTypeError
	text := strings.TrimPrefix(err.Error(), "json: ")
	switch {
	case errors.As(err, &kind):
		field := kind.Field
		if field == "" {
			field = "the body"
		}
		return fmt.Sprintf("%s: expected %s, got %s", field, wanted(kind.Type), given(kind.Value))
	case strings.HasPrefix(text, "unknown field "): // encoding/json has no error type for it
		return text
	}
	return "broken JSON: " + text
}

// wanted names a Go type in JSON's terms.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return wanted(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint, reflect.Uint64, reflect.Uint32:
		return "a whole number"
	case reflect.Float64, reflect.Float32:
		return "a number"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "a list"
	default:
		return "an object"
	}
}

// given names the kind of value that encoding/json found, in JSON's terms.
func given(value string) string {
	if number, found := strings.CutPrefix(value, "number "); found {
		return number
	}
	switch value {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "bool":
		return "true or false"
	}
	return "a " + value
}

// where returns the line and column at which decoding stopped.
func where(data []byte, err error, offset int64) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	case errors.Is(err, io.ErrUnexpectedEOF):
		offset = int64(len(data))
	}
	before := data[:min(max(offset, 0), int64(len(data)))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
	return fmt.Sprintf("line %d, column %d", line, column)
}
