// Package check holds requests against the rules in their validate tags. It is
// go-playground/validator with the few rules that payment fields need beside
// its own, and with violations in words.
//
// The rules added:
//
//	orderno        letters, digits, _ and - only
//	yuan=MIN MAX   a duopay.Money in that range, in yuan
package check

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/go-playground/validator/v10"

	"github.com/duopay/duopay"
)

// Checker checks requests. It is safe for concurrent use.
type Checker struct {
	validate *validator.Validate
}

// New returns a Checker. It is not cheap: a client makes one and keeps it.
func New() *Checker {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(manualName)
	v.RegisterCustomTypeFunc(fen, duopay.Money{})
	for tag, rule := range map[string]validator.Func{"orderno": orderNo, "yuan": yuan} {
		if err := v.RegisterValidation(tag, rule); err != nil {
			panic(err) // a name or function is empty: not possible
		}
	}
	return &Checker{validate: v}
}

// Struct returns all violations of the rules in the tags of a struct, each
// named as in its json or url tag.
func (c *Checker) Struct(request any) duopay.Violations {
	err := c.validate.Struct(request)
	var broken validator.ValidationErrors
	if !errors.As(err, &broken) {
		if err != nil {
			return duopay.Violations{{Field: "request", Rule: "must be a struct"}}
		}
		return nil
	}
	kind := reflect.Indirect(reflect.ValueOf(request)).Type().Name() // begins each path, if there is one
	violations := make(duopay.Violations, len(broken))
	for i, b := range broken {
		path := strings.TrimPrefix(b.Namespace(), kind+".")
		violations[i] = duopay.Violation{Field: strings.ReplaceAll(path, embedded+".", ""), Rule: words(b)}
	}
	return violations
}

// embedded is the name of embedded structs, which are unknown to the manual.
const embedded = "\x00"

// manualName returns the name of a field in the provider's manual.
func manualName(field reflect.StructField) string {
	for _, key := range []string{"json", "url"} {
		if name, _, _ := strings.Cut(field.Tag.Get(key), ","); name != "" && name != "-" {
			return name
		}
	}
	if field.Anonymous {
		return embedded
	}
	return field.Name
}

// words says which rule is broken, without the value that breaks it.
func words(b validator.FieldError) string {
	text := b.Kind() == reflect.String
	switch b.Tag() {
	case "required":
		return "is required"
	case "max":
		if text {
			return "must not be longer than " + b.Param() + " characters"
		}
		return "must not be more than " + b.Param()
	case "min":
		if text {
			return "must not be shorter than " + b.Param() + " characters"
		}
		return "must not be less than " + b.Param()
	case "oneof":
		return "must be one of " + strings.Join(strings.Fields(b.Param()), ", ")
	case "http_url":
		return "must be an absolute http or https URL"
	case "orderno":
		return "must consist of letters, digits, _ and - only"
	case "yuan":
		low, high, _ := strings.Cut(b.Param(), " ")
		return fmt.Sprintf("must be from %s to %s yuan", low, high)
	}
	return strings.TrimSpace("must satisfy " + b.Tag() + " " + b.Param())
}

func orderNo(field validator.FieldLevel) bool {
	for _, r := range field.Field().String() {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-' {
			return false
		}
	}
	return true
}

// fen lets rules see Money as a number of fen.
func fen(v reflect.Value) any {
	m, _ := v.Interface().(duopay.Money)
	return int64(m.Fen())
}

func yuan(field validator.FieldLevel) bool {
	low, high, _ := strings.Cut(field.Param(), " ")
	amount := duopay.Fen(field.Field().Int()).Money()
	return amount.Cmp(duopay.MustMoney(low)) >= 0 && amount.Cmp(duopay.MustMoney(high)) <= 0
}

// ExactlyOne returns a violation unless exactly one of the named values is set.
// Names and values alternate.
func ExactlyOne(namesAndValues ...string) duopay.Violations {
	var names []string
	set := 0
	for i := 0; i < len(namesAndValues); i += 2 {
		names = append(names, namesAndValues[i])
		if namesAndValues[i+1] != "" {
			set++
		}
	}
	if set == 1 {
		return nil
	}
	rule := "must be the only one given of " + strings.Join(names, ", ")
	if set == 0 {
		rule = "is required, or another of " + strings.Join(names, ", ")
	}
	return duopay.Violations{{Field: names[0], Rule: rule}}
}
