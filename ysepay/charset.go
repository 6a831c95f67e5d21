package ysepay

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/duopay/duopay"
)

// Charset is how text becomes bytes: those that are signed as well as those
// that are sent.
type Charset string

// The charsets. The manual names GB2312 too, which is not supported: GBK holds
// all of it.
const (
	UTF8 Charset = "UTF-8"
	GBK  Charset = "GBK"
)

var errUnfit = errors.New("the text does not fit the charset")

// encode returns the bytes of a text. A character that the charset does not
// have is an error.
func (c Charset) encode(text string) ([]byte, error) {
	if !utf8.ValidString(text) {
		return nil, errUnfit
	}
	if c != GBK {
		return []byte(text), nil
	}
	encoded, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(text))
	if err != nil {
		return nil, errUnfit
	}
	return encoded, nil
}

// decode returns the text of bytes. What the charset does not have is an error,
// and so is what would not become the same bytes again: a signature is over
// bytes.
func (c Charset) decode(data []byte) (string, error) {
	text := data
	if c == GBK {
		text, _ = simplifiedchinese.GBK.NewDecoder().Bytes(data) // never fails: it puts U+FFFD
	}
	again, err := c.encode(string(text))
	if err != nil || !bytes.Equal(again, data) {
		return "", errUnfit
	}
	return string(text), nil
}

// blank reports whether nothing is left of a value when blanks are trimmed: as
// Java does it, by bytes, for they may be GBK.
func blank(value string) bool {
	return strings.IndexFunc(value, func(r rune) bool { return r > ' ' }) < 0
}

// check holds all texts of a request against the charset, and against the
// limits in their bytes tags: the manual counts bytes.
func (c Charset) check(request any) duopay.Violations {
	return c.checkStruct("", reflect.ValueOf(request))
}

func (c Charset) checkStruct(path string, v reflect.Value) duopay.Violations {
	var violations duopay.Violations
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name := path + manualName(field)
		switch value := v.Field(i); value.Kind() {
		case reflect.String:
			if rule := c.broken(value.String(), field.Tag.Get("bytes")); rule != "" {
				violations = append(violations, duopay.Violation{Field: name, Rule: rule})
			}
		case reflect.Slice:
			for j := range value.Len() {
				violations = append(violations, c.checkStruct(fmt.Sprintf("%s[%d].", name, j), value.Index(j))...)
			}
		}
	}
	return violations
}

// broken returns the rule that a text breaks, "" if none.
func (c Charset) broken(text, limit string) string {
	encoded, err := c.encode(text)
	if err != nil {
		return "must not hold characters that " + string(c) + " does not have"
	}
	if text != "" && blank(text) {
		return "must not be blank"
	}
	if most, err := strconv.Atoi(limit); err == nil && len(encoded) > most {
		return "must not be longer than " + limit + " bytes"
	}
	return ""
}

// manualName returns the name of a field in the manual.
func manualName(field reflect.StructField) string {
	for _, key := range []string{"json", "url"} {
		if name, _, _ := strings.Cut(field.Tag.Get(key), ","); name != "" && name != "-" {
			return name
		}
	}
	return field.Name
}
