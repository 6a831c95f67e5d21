package duopay

import (
	"errors"
	"fmt"
	"log/slog"
)

// masked stands wherever a secret would.
const masked = "[secret]"

// Secret holds a text that must not be seen: a signing key, a token, a raw
// answer that may echo a payment code. It never prints, logs or marshals its
// text, not even as an unexported field of a struct that is printed with %#v
// or dumped by reflection; only [Secret.Reveal] gives it out.
//
// The zero Secret is empty. A Secret is safe for concurrent use.
type Secret struct {
	// A func and not a string: fmt does not call String on unexported fields,
	// and no printer can look into a closure.
	reveal func() string
}

// NewSecret returns a Secret that holds text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{reveal: func() string { return text }}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.reveal == nil }

// String returns a placeholder, or "" for an empty secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return masked
}

// Format writes the placeholder, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }

// LogValue returns the placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns the placeholder: a secret does not leave in JSON either.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a secret, so that it can stand in a configuration file.
// It refuses the placeholder, which a marshalled configuration would hold.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == masked {
		return errors.New("duopay: the text is the placeholder of a secret, not a secret")
	}
	*s = NewSecret(string(text))
	return nil
}
