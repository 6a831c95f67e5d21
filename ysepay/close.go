package ysepay

import (
	"context"

	"github.com/duopay/duopay"
)

var (
	closeOrder  = trading("ysepay.online.trade.combine.close")
	singleClose = trading("ysepay.online.trade.close")
)

// CloseRequest names a combined order as [QueryRequest] does.
type CloseRequest struct {
	OrderNo  string `json:"combine_out_trade_no,omitempty" validate:"omitempty,max=32,orderno"` // the merchant's combined order number
	TradeNo  string `json:"combine_trade_no,omitempty" validate:"max=30"`                       // Ysepay's number
	ShopDate string `json:"shopdate"`                                                           // trade date yyyyMMdd of the order; the first 8 characters of OrderNo if empty

	More map[string]any `json:"-" validate:"-"` // further members of biz_content, beyond what is known
}

func (r CloseRequest) common() common       { return common{} }
func (r CloseRequest) more() map[string]any { return r.More }
func (r CloseRequest) completed() request {
	r.ShopDate = shopDate(r.ShopDate, r.OrderNo)
	return r
}
func (r CloseRequest) check(*Client) duopay.Violations {
	return append(oneOf("combine_out_trade_no", r.OrderNo, "combine_trade_no", r.TradeNo), dated(r.ShopDate)...)
}

// CloseReply has the numbers of the order, and no state.
type CloseReply struct {
	Reply
	OrderNo duopay.Text `json:"combine_out_trade_no"` // the merchant's combined order number
	TradeNo duopay.Text `json:"combine_trade_no"`     // Ysepay's number
}

// Close shuts an unpaid combined order. It is sent again only if it never left.
// A nil error means that the gateway accepted it; any other end means neither
// that the order is open nor that it is closed. Query afterwards, in any case: a
// payment that was under way is returned to the payer by the provider, and may
// show up as paid before.
//
// Source: the vendor's Java SDK for the name, the single close for the fields.
func (c *Client) Close(ctx context.Context, r CloseRequest) (*CloseReply, error) {
	return call(ctx, c, closeOrder, r, accepted[CloseReply])
}

// SingleCloseRequest names a single order as [SingleQueryRequest] does.
type SingleCloseRequest struct {
	OrderNo  string `json:"out_trade_no,omitempty" validate:"omitempty,max=32,orderno"` // the merchant's number
	TradeNo  string `json:"trade_no,omitempty" validate:"max=30"`                       // Ysepay's number
	ShopDate string `json:"shopdate"`                                                   // trade date yyyyMMdd of the order; the first 8 characters of OrderNo if they are one

	More map[string]any `json:"-" validate:"-"` // further members of biz_content, beyond what is known
}

func (r SingleCloseRequest) common() common       { return common{} }
func (r SingleCloseRequest) more() map[string]any { return r.More }
func (r SingleCloseRequest) completed() request {
	r.ShopDate = shopDate(r.ShopDate, r.OrderNo)
	return r
}
func (r SingleCloseRequest) check(*Client) duopay.Violations {
	return append(oneOf("out_trade_no", r.OrderNo, "trade_no", r.TradeNo), dated(r.ShopDate)...)
}

// SingleCloseReply has the numbers of the order, and no state.
type SingleCloseReply struct {
	Reply
	OrderNo duopay.Text `json:"out_trade_no"` // the merchant's number
	TradeNo duopay.Text `json:"trade_no"`     // Ysepay's number
}

// SingleClose is [Client.Close] for a single order.
//
// Source: public SDKs, ysepay.online.trade.close.
func (c *Client) SingleClose(ctx context.Context, r SingleCloseRequest) (*SingleCloseReply, error) {
	return call(ctx, c, singleClose, r, accepted[SingleCloseReply])
}
