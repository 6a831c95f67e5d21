package duopay_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
)

const hidden = "k3y-134567890123456789"

// leaks reports whether a text gives the hidden one away, plainly or in one of
// the ways that fmt spells texts.
func leaks(text string) bool {
	bare := strings.NewReplacer(" ", "", ",", "", "0x", "", "\\u", "").Replace(strings.ToLower(text))
	var codes strings.Builder
	for _, b := range []byte(hidden) {
		fmt.Fprintf(&codes, "%d", b)
	}
	for _, form := range []string{
		strings.ToLower(hidden), fmt.Sprintf("%x", hidden), codes.String(), "134567890", "3133343536",
	} {
		if strings.Contains(bare, form) {
			return true
		}
	}
	return false
}

func TestLeaks(t *testing.T) {
	for _, format := range []string{"%v", "%q", "%x", "% X", "%#v"} {
		assert.True(t, leaks(fmt.Sprintf(format, hidden)), format)
	}
	assert.True(t, leaks(fmt.Sprintf("%d", []byte(hidden))))
	assert.True(t, leaks(fmt.Sprintf("%#v", []byte(hidden))))
	assert.False(t, leaks("[secret]"))
}

// unasked reports whether fmt does not call the methods of a value for a verb.
// go vet forbids these for anything but errors and pointers.
func unasked(format string) bool {
	return strings.HasSuffix(format, "w") || strings.HasSuffix(format, "p")
}

// recorder takes what testify prints of a failed assertion.
type recorder struct{ strings.Builder }

func (r *recorder) Errorf(format string, args ...any) { _, _ = fmt.Fprintf(r, format, args...) }

// shown prints v in every way that people print things.
func shown(t *testing.T, v any) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for verb := rune('!'); verb <= 'z'; verb++ {
		if verb == '%' || verb == '*' || verb == '[' || verb == '.' || '0' <= verb && verb <= '9' {
			continue
		}
		for _, flags := range []string{"", "+", "#", " ", "-30", "030", "5.3"} {
			format := "%" + flags + string(verb)
			all[format] = fmt.Sprintf(format, v)
		}
	}
	all["Sprint"] = fmt.Sprint(v, v)
	all["wrapped"] = fmt.Errorf("x %v %+v %#v", v, v, v).Error()
	if text, err := json.Marshal(v); err == nil {
		all["json"] = string(text)
	}
	var log bytes.Buffer
	for name, handler := range map[string]slog.Handler{
		"slog text": slog.NewTextHandler(&log, nil), "slog json": slog.NewJSONHandler(&log, nil),
	} {
		log.Reset()
		slog.New(handler).With("with", v).Info("x", "a", v, slog.Group("g", slog.Any("b", v)))
		all[name] = log.String()
	}
	return all
}

// dumped prints v by reflection, as testify does when an assertion fails.
func dumped(v any) map[string]string {
	var r recorder
	assert.Equal(&r, "other", v)
	assert.Nil(&r, v)
	assert.Empty(&r, []any{v})
	assert.Contains(&r, []any{v}, "x")
	assert.ElementsMatch(&r, []any{v}, []any{"x"})
	return map[string]string{"testify": r.String()}
}

func TestSecretHides(t *testing.T) {
	s := duopay.NewSecret(hidden)
	assert.Equal(t, hidden, s.Reveal())
	type exported struct{ Key duopay.Secret }
	type unexported struct{ key duopay.Secret }
	type deep struct{ inner []map[string]*unexported }
	for _, v := range []any{
		s, &s, exported{s}, &exported{s}, unexported{s}, &unexported{s}, []duopay.Secret{s}, map[string]duopay.Secret{"k": s},
		deep{[]map[string]*unexported{{"k": {s}}}}, struct{ Any any }{s}, struct{ any }{unexported{s}},
		duopay.Error{Reply: s}, &duopay.Error{Reply: s}, struct{ e duopay.Error }{duopay.Error{Reply: s}},
	} {
		for how, text := range shown(t, v) {
			assert.False(t, leaks(text), "%s of %T: %s", how, v, text)
		}
		for how, text := range dumped(v) {
			assert.False(t, leaks(text), "%s of %T: %s", how, v, text)
		}
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
		assert.Equal(t, "[secret]", fmt.Sprintf(format, s), format)
		assert.Equal(t, "{[secret]}", strings.NewReplacer("Key:", "", "duopay_test.exported", "").Replace(fmt.Sprintf(format, exported{s})), format)
	}
}

// Not even its length, or whether two of them are equal.
func TestSecretsLookAlike(t *testing.T) {
	a, b := duopay.NewSecret("a"), duopay.NewSecret(hidden)
	for how, text := range shown(t, a) {
		if !strings.HasPrefix(how, "slog") && !unasked(how) { // which write the time, and addresses
			assert.Equal(t, text, shown(t, b)[how], how)
		}
	}
}

func TestSecretEmpty(t *testing.T) {
	for _, s := range []duopay.Secret{{}, duopay.NewSecret("")} {
		assert.True(t, s.IsZero())
		assert.Empty(t, s.Reveal())
		assert.Empty(t, fmt.Sprintf("%v%s%#v", s, s, s))
		assert.Zero(t, s)
	}
	assert.False(t, duopay.NewSecret(" ").IsZero())
	assert.Equal(t, " ", duopay.NewSecret(" ").Reveal())
}

func TestSecretText(t *testing.T) {
	type config struct {
		Key   duopay.Secret `json:"key" xml:"key"`
		Other duopay.Secret `json:"other,omitzero" xml:"other,omitempty"`
	}
	var c config
	require.NoError(t, json.Unmarshal([]byte(`{"key":"`+hidden+`"}`), &c))
	assert.Equal(t, hidden, c.Key.Reveal())
	assert.True(t, c.Other.IsZero())

	text, err := json.Marshal(c)
	require.NoError(t, err)
	assert.JSONEq(t, `{"key":"[secret]"}`, string(text))
	xmlText, err := xml.Marshal(c)
	require.NoError(t, err)
	assert.False(t, leaks(string(xmlText)), string(xmlText))

	require.ErrorContains(t, json.Unmarshal(text, &c), "placeholder")
	assert.Equal(t, hidden, c.Key.Reveal(), "left alone")
	for _, text := range []string{`{"key":12}`, `{"key":{}}`, `{"key":["a"]}`} {
		err := json.Unmarshal([]byte(text), &c)
		require.Error(t, err)
	}
	require.NoError(t, json.Unmarshal([]byte(`{"key":""}`), &c))
	assert.True(t, c.Key.IsZero())
}

func TestChargeHidesAuthCode(t *testing.T) {
	c := duopay.Charge{
		OrderNo: "A1", Amount: duopay.MustMoney("12.5"), AuthCode: hidden, Subject: "tea", NotifyURL: "https://example.com/n",
		Attach: "till 7", ExpiresAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	type request struct {
		Charge  duopay.Charge
		Pointer *duopay.Charge
		Any     any
	}
	for _, v := range []any{c, &c, request{c, &c, c}, &request{c, &c, c}, []duopay.Charge{c}, map[string]duopay.Charge{"c": c}, struct{ duopay.Charge }{c}} {
		for how, text := range shown(t, v) {
			if !unasked(how) {
				assert.False(t, leaks(text), "%s of %T: %s", how, v, text)
			}
		}
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		text := fmt.Sprintf(format, c)
		for _, part := range []string{"OrderNo:A1", "Amount:12.50", "AuthCode:[secret]", "Subject:tea", "Attach:till 7"} {
			assert.Contains(t, text, part, format)
		}
	}
	text, err := json.Marshal(c)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"Amount":12.50,"AuthCode":"[secret]"`)
	assert.Equal(t, hidden, c.AuthCode, "only the picture is masked")
	assert.Contains(t, fmt.Sprint(duopay.Charge{}), "AuthCode: ", "that there is none may be seen")
}
