package guanaitong

import (
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/duopay/duopay"
)

// ReturnClaim is what the payer's browser brings to return_url: a claim that
// is signed, and no proof of payment all the same. The provider forbids to
// decide by it on a sibling page, and a payer may never come back. Show that
// the payment is in progress; the [Notification], or a query, makes the order
// paid.
type ReturnClaim struct {
	AppID    string            // appid: the app that signed
	OrderNo  string            // outer_trade_no
	Attach   string            // attach, as sent with the order; "" if none was
	Claims   Claim             // pay_result
	SignedAt time.Time         // timestamp
	Fields   map[string]string // all fields, without blanks around them, except sign
}

// Claim is what a return page claims of an order.
type Claim string

// The claims.
const (
	ClaimSuccess Claim = "success"
	ClaimFail    Claim = "fail"
)

// ParseReturnPage verifies and reads the address with which the payer's browser
// came to return_url. Its error is a [*duopay.Error] of kind [duopay.Unsure]
// that wraps one of the reasons for refusing a [Notification].
//
// own are the names in the query that return_url has of its own, if it has one.
// The manual does not say whether they are signed, so both count, and their
// values are nobody's word. A name of the page's fields among them is
// [duopay.Invalid].
//
// Source: the manual's page, section return_url.
func (c *Client) ParseReturnPage(address *url.URL, own ...string) (*ReturnClaim, error) {
	if !mayOwn(own) {
		return nil, &duopay.Error{Provider: provider, Op: "return page", Kind: duopay.Invalid, Err: errors.New("own has a name of the page's fields")}
	}
	claim, err := c.parseReturn(address, own)
	if err != nil {
		return nil, &duopay.Error{Provider: provider, Op: "return page", Kind: duopay.Unsure, Err: err}
	}
	return claim, nil
}

func (c *Client) parseReturn(address *url.URL, own []string) (*ReturnClaim, error) {
	if address == nil || len(address.RawQuery) > maxCallback {
		return nil, ErrMalformedForm
	}
	m, err := c.readCallback(address.RawQuery, own, c.config.ReturnWindow, "outer_trade_no", "pay_result")
	if err != nil {
		return nil, err
	}
	return &ReturnClaim{
		AppID: m.appID, OrderNo: m.fields["outer_trade_no"], Attach: m.fields["attach"],
		Claims: Claim(m.fields["pay_result"]), SignedAt: m.signedAt, Fields: m.fields,
	}, nil
}

// mayOwn reports whether no name is one of the return page's fields.
func mayOwn(names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		return slices.Contains([]string{"appid", "outer_trade_no", "attach", "pay_result", "timestamp", "sign", "appsecret"}, name)
	})
}
