package redact_test

import (
	"bytes"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/redact"
)

type Common struct {
	AppID string `url:"app_id"`
	Token string `url:"token" secret:"true"`
}

type extra struct {
	Extra string `json:"extra"`
}

type item struct {
	Name string `json:"name"`
	Card string `json:"card" secret:"true"`
}

// own shows itself.
type own struct{ Hidden string }

func (own) String() string { return "(own)" }

type request struct {
	Common
	extra
	OrderNo  string            `json:"order_no"`
	AuthCode string            `json:"auth_code,omitempty" secret:"true"`
	Amount   duopay.Money      `json:"amount"`
	Pointer  *string           `json:"pointer"`
	Payer    *string           `json:"payer" secret:"true"`
	Item     *item             `json:"item"`
	Items    []item            `json:"items"`
	Any      any               `json:"any"`
	Map      map[string]*item  `json:"map"`
	Labels   map[string]string `json:"labels" secret:"true"`
	Codes    []string          `json:"codes" secret:"true"`
	Raw      []byte            `json:"raw" secret:"true"`
	Bytes    []byte            `json:"bytes"`
	Own      own               `json:"own"`
	Key      duopay.Secret     `json:"key"`
	NoTag    string
	Dash     string `json:"-"`
	hidden   string
}

func pointer(s string) *string { return &s }

// full returns a request whose secrets all contain "hush".
func full() request {
	return request{
		Common: Common{AppID: "app", Token: "hush-token"}, extra: extra{"more"},
		OrderNo: "N1", AuthCode: "hush-code", Amount: duopay.MustMoney("12.5"),
		Pointer: pointer("p"), Payer: pointer("hush-payer"),
		Item: &item{"i0", "hush-card0"}, Items: []item{{"i1", "hush-card1"}, {"i2", "hush-card2"}},
		Any: &item{"i3", "hush-card3"}, Map: map[string]*item{"k": {"i4", "hush-card4"}, "n": nil},
		Labels: map[string]string{"x": "hush-label"}, Codes: []string{"hush-1", "hush-2"}, Raw: []byte("hush-raw"), Bytes: []byte{1, 2},
		Own: own{"unseen"}, Key: duopay.NewSecret("hush-key"), NoTag: "plain", Dash: "dash", hidden: "unseen",
	}
}

const shown = "{app_id:app token:[secret] extra:more order_no:N1 auth_code:[secret] amount:12.50 pointer:p payer:[secret] " +
	"item:{name:i0 card:[secret]} items:[{name:i1 card:[secret]} {name:i2 card:[secret]}] any:{name:i3 card:[secret]} " +
	"map:map[k:{name:i4 card:[secret]} n:<nil>] labels:[secret] codes:[secret] raw:[secret] bytes:[1 2] own:(own) key:[secret] " +
	"NoTag:plain Dash:dash}"

func TestString(t *testing.T) {
	r := full()
	assert.Equal(t, shown, redact.String(r))
	assert.Equal(t, shown, redact.String(&r))
	assert.Equal(t, "{}", redact.String(request{}))
	assert.Equal(t, "{order_no:N1}", redact.String(request{OrderNo: "N1"}))
	for _, v := range []any{nil, (*request)(nil), "hush", 1, []string{"hush"}} {
		assert.Equal(t, "{}", redact.String(v))
	}
}

func TestValue(t *testing.T) {
	var b bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&b, nil))
	logger.Info("m", "r", redact.Value(full()))
	for _, want := range []string{
		"r.app_id=app ", "r.token=[secret] ", "r.auth_code=[secret] ", "r.amount=12.50 ", `r.item="{name:i0 card:[secret]}" `, "r.payer=[secret] ",
	} {
		assert.Contains(t, b.String(), want)
	}
	assert.NotContains(t, b.String(), "hush")
	assert.Empty(t, redact.Value(request{}).Group())
	assert.Empty(t, redact.Value(nil).Group())
}

func TestWords(t *testing.T) {
	want := []string{
		"hush-token", "hush-code", "hush-payer", "hush-card0", "hush-card1", "hush-card2", "hush-card3", "hush-card4", "hush-label",
		"hush-1", "hush-2", "hush-raw",
	}
	r := full()
	assert.ElementsMatch(t, want, words(r))
	assert.ElementsMatch(t, want, words(&r))
	assert.Empty(t, words(request{}))
	for _, v := range []any{nil, (*request)(nil), "hush", 1, map[string]any{"a": "hush"}} {
		assert.Empty(t, redact.Words(v))
	}
	assert.Equal(t, []string{"hush"}, redact.Words(map[string]any{"a": &item{Card: "hush"}}))
}

// words returns the words that are not empty.
func words(v any) []string {
	var set []string
	for _, word := range redact.Words(v) {
		if word != "" {
			set = append(set, word)
		}
	}
	return set
}

func TestStrike(t *testing.T) {
	const word = `a+b/c=付&"\`
	for _, c := range []struct {
		text  string
		words []string
		want  string
	}{
		{"nothing to strike", nil, "nothing to strike"},
		{"nothing to strike", []string{"", ""}, "nothing to strike"},
		{"", []string{"x"}, ""},
		{"code 1234 and 1234", []string{"1234"}, "code [secret] and [secret]"},
		{"raw " + word + " end", []string{word}, "raw [secret] end"},
		{"query ?s=" + url.QueryEscape(word) + "&x=1", []string{word}, "query ?s=[secret]&x=1"},
		{"path /" + url.PathEscape(word) + "/x", []string{word}, "path /[secret]/x"},
		{`quoted "a+b/c=付&\"\\"`, []string{word}, `quoted "[secret]"`},
		{"a b", []string{"a b"}, "[secret]"},
		{"a+b a%20b", []string{"a b"}, "[secret] [secret]"},
		// The shorter word must not leave the rest of the longer one.
		{"token-12345678", []string{"token", "token-12345678"}, "[secret]"},
		{"12345678-token", []string{"token", "", "12345678-token"}, "[secret]"},
		{"my secret", []string{"secret", "e"}, "my [secret]"},
	} {
		assert.Equal(t, c.want, redact.Strike(c.text, c.words), c.text)
	}
}

func TestStrikeLeavesItsArgumentsAlone(t *testing.T) {
	words := []string{"b", "abc"}
	_ = redact.Strike(strings.Repeat("abc", 3), words)
	assert.Equal(t, []string{"b", "abc"}, words)
}
