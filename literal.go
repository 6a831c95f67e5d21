package duopay

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// Amount is an amount of yuan as a provider wrote it in an answer, where the
// same field may come as a number, as a string, as null or not at all. It
// keeps the literal, so that odd text in a field that nobody needs does no
// harm, while [Amount.Money] never takes unreadable text for zero.
type Amount string

// Integer is a whole number as a provider wrote it in an answer: the
// counterpart of [Amount] for counts, ids and times.
type Integer string

// Text is a text as a provider wrote it in an answer, where an id may come as
// a number.
type Text string

// ErrAbsent is the error of reading a value that the provider did not give.
var ErrAbsent = errors.New("duopay: the answer does not give this value")

// Given reports whether the provider gave the amount.
func (a Amount) Given() bool { return a != "" }

// Money reads the amount: [ErrAbsent] if it was not given, another error if it
// is not a whole number of fen.
func (a Amount) Money() (Money, error) {
	if !a.Given() {
		return Money{}, ErrAbsent
	}
	return parseYuan(string(a))
}

// Given reports whether the provider gave the number.
func (i Integer) Given() bool { return i != "" }

// Int64 reads the number: [ErrAbsent] if it was not given, another error if it
// is not an integer.
func (i Integer) Int64() (int64, error) {
	if !i.Given() {
		return 0, ErrAbsent
	}
	n, err := strconv.ParseInt(string(i), 10, 64)
	if err != nil {
		return 0, err // without the nearest number that fits
	}
	return n, nil
}

// UnmarshalJSON takes any JSON value and keeps its text.
func (a *Amount) UnmarshalJSON(data []byte) error { return literal(data, (*string)(a)) }

// UnmarshalJSON takes any JSON value and keeps its text.
func (i *Integer) UnmarshalJSON(data []byte) error { return literal(data, (*string)(i)) }

// UnmarshalJSON takes a JSON string, or any other value with its text.
func (t *Text) UnmarshalJSON(data []byte) error { return literal(data, (*string)(t)) }

// literal stores the text of a JSON value: a string without its quotes, null
// as nothing, everything else as it stands.
func literal(data []byte, text *string) error {
	switch {
	case string(data) == "null":
		*text = ""
	case len(data) > 0 && data[0] == '"':
		if plain := data[1:]; utf8.Valid(data) && bytes.IndexByte(data, '\\') < 0 && bytes.IndexByte(plain, '"') == len(plain)-1 {
			*text = string(plain[:len(plain)-1]) // without the detour
			return nil
		}
		return json.Unmarshal(data, text)
	default:
		*text = string(data)
	}
	return nil
}
