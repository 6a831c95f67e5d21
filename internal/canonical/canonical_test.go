package canonical_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/canonical"
)

func TestJoin(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields map[string]string
		want   string
	}{
		{"nothing", nil, ""},
		{"one", map[string]string{"a": "1"}, "a=1"},
		{"an empty value stays", map[string]string{"b": "", "a": ""}, "a=&b="},
		// Sorting finished pairs would put ext1=, ext-= and ext.= before ext=.
		{"prefixes", map[string]string{"ext1": "b", "ext": "a", "ext-": "c", "ext.": "d", "ext=": "e"}, "ext=a&ext-=c&ext.=d&ext1=b&ext==e"},
		{"bytes and not letters", map[string]string{"b": "1", "a": "2", "B": "3", "_": "4", "1": "5", "付": "6", "é": "7", "~": "8"},
			"1=5&B=3&_=4&a=2&b=1&~=8&é=7&付=6"},
		{"numbers as text", map[string]string{"a10": "1", "a9": "2", "a1": "3"}, "a1=3&a10=1&a9=2"},
		{"raw values", map[string]string{"a": " a=b&c +%20\"{}\n付 "}, "a= a=b&c +%20\"{}\n付 "},
		{"bytes that are not text", map[string]string{"a": "\xff\x00"}, "a=\xff\x00"},
	} {
		assert.Equal(t, c.want, canonical.Join(c.fields), c.name)
		assert.Equal(t, "key"+c.want, string(canonical.Append([]byte("key"), c.fields)), c.name)
	}
}

func TestAppendKeepsWithinItsSlice(t *testing.T) {
	whole := []byte("0123456789")
	got := canonical.Append(whole[:2:2], map[string]string{"a": "1"})
	assert.Equal(t, "01a=1", string(got))
	assert.Equal(t, "0123456789", string(whole))
}

func TestFields(t *testing.T) {
	got, err := canonical.Fields(struct {
		Text    string       `url:"text"`
		Empty   string       `url:"empty"`
		Zero    string       `url:"zero"`
		Space   string       `url:"space"`
		Number  int          `url:"number"`
		Nothing int          `url:"nothing,omitempty"`
		No      bool         `url:"no"`
		Amount  duopay.Money `url:"amount"`
		Raw     string       `url:"raw"`
		Pointer *string      `url:"pointer"`
		Out     string       `url:"-"`
		One     []string     `url:"one"`
		None    []string     `url:"none"`
	}{
		Text: "t", Zero: "0", Space: " ", Amount: duopay.MustMoney("12.5"), Raw: "a=b&c+ %", Out: "out", One: []string{"1"},
	})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{
		"text": "t", "zero": "0", "space": " ", "number": "0", "no": "false", "amount": "12.50", "raw": "a=b&c+ %", "one": "1",
	}, got)
}

// A second value would be left out of the signature without a word.
func TestFieldsRefusesManyValues(t *testing.T) {
	got, err := canonical.Fields(struct {
		Many []string `url:"many"`
	}{[]string{"4711", "4712"}})
	require.EqualError(t, err, "many has more than one value")
	assert.Nil(t, got)

	_, err = canonical.Fields(struct {
		A string `url:"same"`
		B string `url:"same"`
	}{"1", "2"})
	assert.EqualError(t, err, "same has more than one value")
}

func TestFieldsRefusesWhatIsNoStruct(t *testing.T) {
	_, err := canonical.Fields("text")
	assert.Error(t, err)
}
