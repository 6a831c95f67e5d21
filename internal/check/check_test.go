package check_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/check"
)

func TestRules(t *testing.T) {
	checker := check.New()
	type V = duopay.Violations
	for _, c := range []struct {
		name    string
		request any
		want    V
	}{
		{"required", struct {
			F string `json:"f" validate:"required"`
		}{}, V{{Field: "f", Rule: "is required"}}},
		{"required number", struct {
			F int `json:"f" validate:"required"`
		}{}, V{{Field: "f", Rule: "is required"}}},
		{"required amount", struct {
			F duopay.Money `json:"f" validate:"required"`
		}{}, V{{Field: "f", Rule: "is required"}}},
		{"required struct", struct {
			F *struct{} `json:"f" validate:"required"`
		}{}, V{{Field: "f", Rule: "is required"}}},
		{"required struct in place", struct {
			F struct{ G string } `json:"f" validate:"required"`
		}{}, V{{Field: "f", Rule: "is required"}}},
		{"max of a text, in characters", struct {
			F string `json:"f" validate:"max=2"`
		}{"付付付"}, V{{Field: "f", Rule: "must not be longer than 2 characters"}}},
		{"max of a number", struct {
			F int `json:"f" validate:"max=2"`
		}{3}, V{{Field: "f", Rule: "must not be more than 2"}}},
		{"min of a text", struct {
			F string `json:"f" validate:"min=3"`
		}{"付付"}, V{{Field: "f", Rule: "must not be shorter than 3 characters"}}},
		{"min of a number", struct {
			F int `json:"f" validate:"min=3"`
		}{-1}, V{{Field: "f", Rule: "must not be less than 3"}}},
		{"oneof", struct {
			F string `json:"f" validate:"oneof=a b"`
		}{"c"}, V{{Field: "f", Rule: "must be one of a, b"}}},
		{"http_url", struct {
			F string `json:"f" validate:"http_url"`
		}{"ftp://h/4711"}, V{{Field: "f", Rule: "must be an absolute http or https URL"}}},
		{"orderno", struct {
			F string `json:"f" validate:"orderno"`
		}{"a b"}, V{{Field: "f", Rule: "must consist of letters, digits, _ and - only"}}},
		{"yuan", struct {
			F duopay.Money `json:"f" validate:"yuan=0.01 100"`
		}{duopay.MustMoney("100.01")}, V{{Field: "f", Rule: "must be from 0.01 to 100 yuan"}}},
		{"another rule", struct {
			F string `json:"f" validate:"len=3"`
		}{"4711"}, V{{Field: "f", Rule: "must satisfy len 3"}}},
		{"another rule without a parameter", struct {
			F string `json:"f" validate:"numeric"`
		}{"x4711"}, V{{Field: "f", Rule: "must satisfy numeric"}}},
		{"no rule", struct {
			F string `json:"f"`
		}{}, nil},
		{"kept rules", struct {
			A string       `json:"a" validate:"required,max=2"`
			B duopay.Money `json:"b" validate:"required,yuan=0.01 100"`
			C string       `json:"c" validate:"omitempty,min=5"`
		}{A: "付付", B: duopay.MustMoney("0.01")}, nil},
		{"not a struct", "4711", V{{Field: "request", Rule: "must be a struct"}}},
		{"nil", nil, V{{Field: "request", Rule: "must be a struct"}}},
		{"nil pointer", (*struct{})(nil), V{{Field: "request", Rule: "must be a struct"}}},
	} {
		got := checker.Struct(c.request)
		assert.Equal(t, c.want, got, c.name)
		assert.NotContains(t, got.Error(), "4711", c.name)
	}
}

func TestOrderNo(t *testing.T) {
	checker := check.New()
	type request struct {
		F string `json:"f" validate:"orderno"`
	}
	for text, ok := range map[string]bool{
		"": true, "aZ09_-": true, strings.Repeat("a", 100): true,
		"a.b": false, "a/b": false, "a\n": false, "a b": false, "a\x00": false, "付": false, "é": false, "１": false, "٣": false, "\xff": false,
		"a'b": false, "a\"b": false, "a&b=c": false, "a%20": false, "a\u200b": false, "\u212a": false, // the last is the sign of Kelvin
	} {
		assert.Equal(t, ok, checker.Struct(request{text}) == nil, "%q", text)
	}
}

func TestYuan(t *testing.T) {
	checker := check.New()
	type request struct {
		F duopay.Money `json:"f" validate:"yuan=0.01 9999999.99"`
	}
	for text, ok := range map[string]bool{
		"0": false, "-0.01": false, "-5": false, "0.01": true, "1": true, "9999999.99": true, "10000000": false, "99999999999": false,
	} {
		assert.Equal(t, ok, checker.Struct(request{duopay.MustMoney(text)}) == nil, text)
	}
	type optional struct {
		F *duopay.Money `json:"f" validate:"omitempty,yuan=0.01 1"`
	}
	amount := duopay.MustMoney("2")
	assert.Nil(t, checker.Struct(optional{}))
	assert.Len(t, checker.Struct(optional{&amount}), 1)
}

type Common struct {
	AppID string `url:"app_id" validate:"required"`
}

type common struct {
	Version string `url:"version" validate:"required"`
}

type goods struct {
	Name  string       `json:"goods_name" validate:"required,max=2"`
	Price duopay.Money `json:"price" validate:"yuan=0.01 1"`
}

type detail struct {
	Cost  int     `json:"cost_price,omitempty" validate:"min=0"`
	Goods []goods `json:"goods_detail" validate:"required,min=1,dive"`
}

type order struct {
	Common
	*common
	OrderNo string   `json:"order_no" url:"other" validate:"required,max=4,orderno"`
	Form    string   `url:"form,omitempty" validate:"required"`
	Ignored string   `json:"-" validate:"required"`
	Detail  *detail  `json:"detail"`
	Codes   []string `json:"codes" validate:"dive,max=2"`
	Bare    string   `validate:"max=2"`
}

// All at once, each by its path in the manual: what is embedded has no name there.
func TestPaths(t *testing.T) {
	got := check.New().Struct(order{
		common:  &common{},
		OrderNo: "4711-4711", Codes: []string{"a", "4711"}, Bare: "4711",
		Detail: &detail{Cost: -1, Goods: []goods{
			{"ok", duopay.MustMoney("1")}, {"", duopay.MustMoney("0.5")}, {"4711", duopay.MustMoney("47.11")},
		}},
	})
	assert.Equal(t, duopay.Violations{
		{Field: "app_id", Rule: "is required"},
		{Field: "version", Rule: "is required"},
		{Field: "order_no", Rule: "must not be longer than 4 characters"},
		{Field: "form", Rule: "is required"},
		{Field: "Ignored", Rule: "is required"},
		{Field: "detail.cost_price", Rule: "must not be less than 0"},
		{Field: "detail.goods_detail[1].goods_name", Rule: "is required"},
		{Field: "detail.goods_detail[2].goods_name", Rule: "must not be longer than 2 characters"},
		{Field: "detail.goods_detail[2].price", Rule: "must be from 0.01 to 1 yuan"},
		{Field: "codes[1]", Rule: "must not be longer than 2 characters"},
		{Field: "Bare", Rule: "must not be longer than 2 characters"},
	}, got)
	assert.NotContains(t, got.Error(), "4711")
	assert.NotContains(t, fmt.Sprintf("%#v", got), "47")
}

func TestPointersAndValuesAreCheckedAlike(t *testing.T) {
	checker := check.New()
	bad := order{Form: "x"}
	assert.Equal(t, checker.Struct(bad), checker.Struct(&bad))
	assert.NotEmpty(t, checker.Struct(&bad))
}

func TestExactlyOne(t *testing.T) {
	rule := func(field, rule string) duopay.Violations { return duopay.Violations{{Field: field, Rule: rule}} }
	assert.Nil(t, check.ExactlyOne("a", "4711", "b", ""))
	assert.Nil(t, check.ExactlyOne("a", "", "b", "4711"))
	assert.Nil(t, check.ExactlyOne("a", "4711"))
	assert.Equal(t, rule("a", "is required, or another of a, b, c"), check.ExactlyOne("a", "", "b", "", "c", ""))
	assert.Equal(t, rule("a", "must be the only one given of a, b, c"), check.ExactlyOne("a", "", "b", "4711", "c", "4711"))
	assert.Equal(t, rule("a", "must be the only one given of a, b"), check.ExactlyOne("a", "4711", "b", "4711"))
}

func TestConcurrently(t *testing.T) {
	checker := check.New()
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			got := checker.Struct(order{Common: Common{"a"}, OrderNo: strings.Repeat("x", i%8+1), Form: "f", Ignored: "i"})
			if want := i%8+1 > 4; (len(got) == 1) != want || len(got) > 1 {
				t.Errorf("%d characters: %v", i%8+1, got)
			}
		})
	}
	wg.Wait()
}
