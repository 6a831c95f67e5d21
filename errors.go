package duopay

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"unicode"
)

// Kind says what an error means for the money, and so what to do next. A Kind
// is itself an error, so that errors.Is(err, duopay.Unsure) asks for it.
type Kind string

const (
	// Invalid: nothing was sent, because the request or the configuration
	// breaks a rule. Correct the call.
	Invalid Kind = "invalid"
	// NotSent: the request certainly never arrived. It may be repeated with
	// the same order number.
	NotSent Kind = "not sent"
	// Refused: the provider's readable (and, where the provider signs its
	// answers, verified) answer is no. See [Error.Certain].
	Refused Kind = "refused"
	// Unsure: it may have happened. Time-out, connection lost, HTTP error,
	// unreadable or wrongly signed answer, answer about another order, unknown
	// code or state. Query before anything else; [Settle] does.
	Unsure Kind = "unsure"
)

// Error returns the kind in words.
func (k Kind) Error() string { return string(k) }

var (
	// ErrOrderMismatch: the answer is about another order than the one asked
	// about. Nothing in it is believed.
	ErrOrderMismatch = errors.New("the answer is about another order")
	// ErrAmountMismatch: the provider says paid, but with another amount than
	// was ordered, or with one that cannot be read. Somebody has to look.
	ErrAmountMismatch = errors.New("the amount differs from what was ordered")
	// ErrNotFound: the provider does not know the order. Soon after an unclear
	// charge this proves nothing: the request may still be on its way.
	ErrNotFound = errors.New("the provider does not know the order")
)

// The reasons for not believing a notification. Providers wrap them with the
// details; all of them come inside an [Error] of kind [Unsure].
var (
	// ErrMalformed: the message is not of the documented form.
	ErrMalformed = errors.New("malformed notification")
	// ErrSignature: the signature does not belong to this message and key.
	ErrSignature = errors.New("the signature does not fit the message")
	// ErrStale: the signature is right, the time in the message is too far off.
	ErrStale = errors.New("the notification is too old or from the future")
	// ErrUnknownMerchant: the message is for a merchant that is not configured.
	ErrUnknownMerchant = errors.New("the notification is for another merchant")
)

// Error is the error of every operation of every provider. Its text holds no
// key, signature, token, payment code or URL.
type Error struct {
	Provider string // package name of the provider, such as "fubei"
	Op       string // the operation, in the provider's own word
	Kind     Kind   // what it means for the money
	// Certain is true for a refusal whose code proves, by the provider's own
	// list, that nothing was done. Any other refusal is probable only: query
	// before starting anew with another order number.
	Certain    bool
	Code       string // the provider's code
	SubCode    string // the provider's second code, such as the channel's own
	Message    string // the provider's words, for people; never branch on it
	OrderNo    string // the merchant's order number
	HTTPStatus int    // 0 if there was no answer
	// Reply is the answer as it came. It is a Secret because some providers
	// echo payment codes in it.
	Reply Secret
	Err   error // the cause; may be nil
}

// Error says what happened, to which order, and what to do next.
func (e *Error) Error() string {
	var b strings.Builder
	for _, word := range []string{e.Provider, e.Op, e.OrderNo} {
		if word != "" {
			b.WriteString(printable(word))
			b.WriteByte(' ')
		}
	}
	b.WriteString(string(e.Kind))
	if said := e.said(); said != "" {
		b.WriteString(" (" + said + ")")
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	b.WriteString("; " + e.Next())
	return b.String()
}

// said joins the provider's codes and words.
func (e *Error) said() string {
	words := make([]string, 0, 3)
	for _, word := range []string{e.Code, e.SubCode, e.Message} {
		if word != "" {
			words = append(words, printable(word))
		}
	}
	return strings.Join(words, " ")
}

// Next says in a sentence what the caller should do.
func (e *Error) Next() string {
	switch e.Kind {
	case Invalid:
		return "nothing was sent: correct the call"
	case NotSent:
		return "it never arrived: the same call may be repeated"
	case Refused:
		if e.Certain {
			return "nothing was done: a new attempt needs a new order number"
		}
		return "query the order before starting anew"
	}
	return "it may have happened: query the order before anything else"
}

// Unwrap returns the kind and the cause, for errors.Is and errors.As. An Error
// has one kind: that of an Error among its causes is not found through it.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, cause{e.Err}}
}

// cause is an error without its kinds: that a step failed with NotSent does
// not mean that the operation, which is Unsure, was not sent.
type cause struct{ err error }

func (c cause) Error() string { return c.err.Error() }

func (c cause) Is(target error) bool {
	_, isKind := target.(Kind)
	return !isKind && errors.Is(c.err, target)
}

func (c cause) As(target any) bool { return errors.As(c.err, target) }

// GoString returns the text of the error, so that %#v shows no more than %v.
func (e *Error) GoString() string { return e.Error() }

// LogValue returns the fields, without Reply, as a group for slog.
func (e *Error) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, f := range e.fields() {
		attrs = append(attrs, slog.String(f[0], f[1]))
	}
	return slog.GroupValue(attrs...)
}

// MarshalJSON writes the fields, without Reply, as a flat object of texts.
func (e *Error) MarshalJSON() ([]byte, error) {
	object := make(map[string]string)
	for _, f := range e.fields() {
		object[f[0]] = f[1]
	}
	return json.Marshal(object)
}

// fields returns what is set, as pairs of name and text.
func (e *Error) fields() [][2]string {
	all := [][2]string{
		{"provider", e.Provider}, {"operation", e.Op}, {"order_no", printable(e.OrderNo)}, {"kind", string(e.Kind)},
		{"code", printable(e.Code)}, {"sub_code", printable(e.SubCode)}, {"message", printable(e.Message)}, {"next", e.Next()},
	}
	if e.HTTPStatus != 0 {
		all = append(all, [2]string{"http_status", strconv.Itoa(e.HTTPStatus)})
	}
	if e.Err != nil {
		all = append(all, [2]string{"cause", e.Err.Error()})
	}
	set := all[:0]
	for _, f := range all {
		if f[1] != "" {
			set = append(set, f)
		}
	}
	return set
}

// printable keeps a provider's text on one line and within reason.
func printable(text string) string {
	const limit = 200
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n == limit {
			b.WriteString("...")
			break
		}
		if !unicode.IsPrint(r) {
			r = ' '
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// Violation is one rule that a request breaks.
type Violation struct {
	Field string // the field as the manual spells it, such as "sub_order_list[2].amount"
	Rule  string // the rule in words; never the value
}

// Violations are all the rules that a request breaks. They come as the cause
// of an [Error] of kind [Invalid]; use errors.As to get them.
type Violations []Violation

// Error lists the violations.
func (v Violations) Error() string {
	texts := make([]string, len(v))
	for i, one := range v {
		texts[i] = one.Field + " " + one.Rule
	}
	return strings.Join(texts, "; ")
}
