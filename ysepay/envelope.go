package ysepay

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
	"github.com/duopay/duopay/internal/wire"
)

// The reasons for not believing an answer or a notification. Each also is
// [duopay.ErrSignature].
var (
	ErrUnsigned  = fmt.Errorf("ysepay: %w: there is no sign", duopay.ErrSignature)
	ErrSignature = fmt.Errorf("ysepay: %w", duopay.ErrSignature)
)

var (
	errNoNode  = errors.New("the answer has no node of this method")
	errSign    = errors.New("sign is not a text")
	errCharset = errors.New("the answer is not in the charset of the request")
)

// envelope is an answer cut into pieces. Nothing of it is verified.
type envelope struct {
	node  []byte // the exact text of the node, in UTF-8
	own   bool   // the node is the method's, not that of an error
	sign  string // "" if there is none
	bytes []byte // the node in the bytes that were signed
}

// cut takes an answer apart. What counts are the members of the one object that
// the answer is, by their exact names; a name that stands twice spoils it.
func (c Charset) cut(body []byte, method string) (envelope, error) {
	text, err := c.decode(bytes.TrimPrefix(body, []byte("\ufeff")))
	if err != nil {
		return envelope{}, errCharset
	}
	object, err := wire.ReadObject([]byte(text))
	if err != nil {
		return envelope{}, err
	}
	var e envelope
	own := strings.ReplaceAll(method, ".", "_") + "_response"
	for _, name := range []string{own, "unknow_response", "error_response"} {
		if value := object.Get(name); value != nil {
			e.node, e.own = value, name == own
			break
		}
	}
	if len(e.node) == 0 || e.node[0] != '{' {
		return envelope{}, errNoNode
	}
	if e.bytes, err = c.encode(string(e.node)); err != nil {
		return envelope{}, errCharset
	}
	if sign := object.Get("sign"); sign != nil {
		var text duopay.Text
		if err := text.UnmarshalJSON(sign); err != nil || sign[0] != '"' && string(sign) != "null" {
			return envelope{}, errSign
		}
		e.sign = string(text)
	}
	return e, nil
}

// head is what every node begins with.
type head struct {
	Code    duopay.Text `json:"code"`
	Msg     duopay.Text `json:"msg"`
	SubCode duopay.Text `json:"sub_code"`
	SubMsg  duopay.Text `json:"sub_msg"`
}

// node is the node of an answer that says 10000, verified.
type node struct {
	head
	object wire.Object
	text   []byte
}

// open verifies and classifies an answer. Only what is signed by the platform,
// about the right order, and 10000 comes through. The business fields are read
// from the very text that was verified.
func (c *Client) open(op operation, sent fields, answer *exchange.Answer) (node, error) {
	if answer.Status != http.StatusOK {
		return node{}, fmt.Errorf("HTTP status %d", answer.Status)
	}
	e, err := c.config.Charset.cut(answer.Body, op.method)
	if err != nil {
		return node{}, fmt.Errorf("the answer is unreadable: %w", err)
	}
	n := node{text: e.node}
	untrusted := c.verify(c.config.Key.signType, e.bytes, e.sign)
	if untrusted != nil && !errors.Is(untrusted, ErrUnsigned) {
		return node{}, untrusted
	}
	if n.object, err = wire.ReadObject(e.node); err == nil {
		err = n.object.Decode(&n.head)
	}
	switch {
	case err != nil:
		return node{}, fmt.Errorf("the answer is unreadable: %w", err)
	case untrusted != nil: // what it says is for people
		return node{}, n.failure(duopay.Unsure, untrusted)
	}
	if err := sent.match(n.object); err != nil {
		return node{}, err
	}
	if err := n.classify(e.own); err != nil {
		return node{}, err
	}
	if !op.anonymous && !sent.named(n.object) {
		return node{}, errors.New("the answer does not say what it is about")
	}
	answer.Code = string(n.Code)
	return n, nil
}
