package ysepay

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/wire"
)

var (
	query       = querying("ysepay.online.trade.order.combine.query")
	singleQuery = querying("ysepay.online.trade.query")
	orderQuery  = querying("ysepay.online.trade.order.query")
)

// QueryRequest names a combined order by one of its numbers, or both. Its fields
// are those of [SingleQueryRequest], by analogy.
type QueryRequest struct {
	OrderNo  string `json:"combine_out_trade_no,omitempty" validate:"omitempty,max=32,orderno"` // the merchant's combined order number
	TradeNo  string `json:"combine_trade_no,omitempty" validate:"max=30"`                       // Ysepay's number
	ShopDate string `json:"shopdate"`                                                           // trade date yyyyMMdd of the order; the first 8 characters of OrderNo if empty

	// Amount is not sent: when set, an order of another amount is
	// [duopay.ErrAmountMismatch].
	Amount duopay.Money `json:"-" validate:"-"`
	// More is further members of biz_content, beyond what is known.
	More map[string]any `json:"-" validate:"-"`
}

func (r QueryRequest) common() common       { return common{} }
func (r QueryRequest) more() map[string]any { return r.More }
func (r QueryRequest) completed() request {
	r.ShopDate = shopDate(r.ShopDate, r.OrderNo)
	return r
}
func (r QueryRequest) check(*Client) duopay.Violations {
	return append(oneOf("combine_out_trade_no", r.OrderNo, "combine_trade_no", r.TradeNo), dated(r.ShopDate)...)
}

// oneOf returns a violation unless one of two numbers is set.
func oneOf(name, value, other, otherValue string) duopay.Violations {
	if value != "" || otherValue != "" {
		return nil
	}
	return duopay.Violations{{Field: name, Rule: "is required, or else " + other}}
}

// dated returns a violation unless a shopdate is a date.
func dated(date string) duopay.Violations {
	if isDate(date) {
		return nil
	}
	return duopay.Violations{{Field: "shopdate", Rule: "must be a date yyyyMMdd: that of the original order"}}
}

// Order is what the gateway says of a combined order. The manual has no table for
// it: the fields are those seen in answers about single orders, any of which may
// be missing.
type Order struct {
	Reply
	OrderNo        duopay.Text       `json:"combine_out_trade_no"` // the merchant's combined order number
	TradeNo        duopay.Text       `json:"combine_trade_no"`     // Ysepay's number
	TradeStatus    TradeStatus       `json:"trade_status"`         // absent proves nothing
	TotalAmount    duopay.Amount     `json:"total_amount"`         // ordered, yuan
	ReceiptAmount  duopay.Amount     `json:"receipt_amount"`       // received, yuan
	AccountDate    duopay.Text       `json:"account_date"`         // yyyyMMdd or yyyy-MM-dd
	StatusExt      duopay.Text       `json:"trade_status_ext"`     // more about the state
	Extra          duopay.Text       `json:"extra_common_param"`   // as sent
	ChannelSendSN  duopay.Text       `json:"channel_send_sn"`      // number sent to the channel
	ChannelRecvSN  duopay.Text       `json:"channel_recv_sn"`      // number of the channel
	PayGateNo      duopay.Text       `json:"paygate_no"`           // payment channel
	BuyerUserID    duopay.Text       `json:"buyer_user_id"`        // the payer's Alipay user id
	PaySuccessTime duopay.Text       `json:"pay_success_time"`     // yyyy-MM-dd HH:mm:ss in UTC+8
	SubOrders      List[SingleOrder] `json:"sub_order_list"`       // the parts
	PayDetails     List[PayDetail]   `json:"pay_detail_list"`      // how it was paid
}

// SingleOrder is what the gateway says of a single order, such as a part of a
// combined one. Any field may be missing.
type SingleOrder struct {
	Reply
	OrderNo       duopay.Text     `json:"out_trade_no"`     // the merchant's number
	TradeNo       duopay.Text     `json:"trade_no"`         // Ysepay's number
	TradeStatus   TradeStatus     `json:"trade_status"`     // absent proves nothing
	SellerID      duopay.Text     `json:"seller_id"`        // merchant number of the seller
	Amount        duopay.Amount   `json:"amount"`           // ordered, yuan: in lists
	TotalAmount   duopay.Amount   `json:"total_amount"`     // ordered, yuan: in answers of its own
	ReceiptAmount duopay.Amount   `json:"receipt_amount"`   // received, yuan
	AccountDate   duopay.Text     `json:"account_date"`     // yyyyMMdd or yyyy-MM-dd
	StatusExt     duopay.Text     `json:"trade_status_ext"` // more about the state
	PayDetails    List[PayDetail] `json:"pay_detail_list"`  // how it was paid; with Details only
}

// PayDetail is how an order was paid.
type PayDetail struct {
	ChannelSendSN  duopay.Text `json:"channel_send_sn"`  // number sent to the channel
	ChannelRecvSN  duopay.Text `json:"channel_recv_sn"`  // number of the channel
	BuyerUserID    duopay.Text `json:"buyer_user_id"`    // the payer's Alipay user id
	PaySuccessTime duopay.Text `json:"pay_success_time"` // yyyy-MM-dd HH:mm:ss in UTC+8
}

// List is a list in an answer, or in a string in it. One of another form is
// empty: it is in Raw.
type List[T any] []T

// UnmarshalJSON reads the list.
func (l *List[T]) UnmarshalJSON(data []byte) error {
	var (
		text    duopay.Text
		entries []json.RawMessage
	)
	_ = text.UnmarshalJSON(data)
	if json.Unmarshal([]byte(text), &entries) != nil {
		return nil //nolint:nilerr // nobody decides by it
	}
	list := make(List[T], len(entries))
	readable := true
	for i, entry := range entries {
		object, err := wire.ReadObject(entry)
		readable = readable && err == nil && object.Decode(&list[i]) == nil
	}
	if readable {
		*l = list
	}
	return nil
}

// Query asks what became of a combined order. It changes nothing and is repeated
// if the answer is unclear.
//
// A nil error means a state of the table: see TradeStatus. [duopay.ErrNotFound]
// soon after an unclear [Client.Pay] proves nothing.
//
// Source: the vendor's Java SDK for the name, the single query for the fields.
func (c *Client) Query(ctx context.Context, r QueryRequest) (*Order, error) {
	return call(ctx, c, query, r, func(o *Order) error { return accept(o.TradeStatus, o.TotalAmount, r.Amount) })
}

// accept checks the state and the amount of an order.
func accept(status TradeStatus, answered duopay.Amount, asked duopay.Money) error {
	if status.Status() == duopay.Unknown {
		return fmt.Errorf("trade_status %.40q is not known", status)
	}
	return same(answered, asked, status.Status().Paid())
}

// SingleQueryRequest names a single order, such as a part of a combined one, by
// one of its numbers, or both.
type SingleQueryRequest struct {
	OrderNo  string `json:"out_trade_no,omitempty" validate:"omitempty,max=32,orderno"` // the merchant's number
	TradeNo  string `json:"trade_no,omitempty" validate:"max=30"`                       // Ysepay's number
	ShopDate string `json:"shopdate"`                                                   // trade date yyyyMMdd of the order; the first 8 characters of OrderNo if they are one

	Details bool           `json:"-" validate:"-"` // asks how it was paid, too
	Amount  duopay.Money   `json:"-" validate:"-"` // as in QueryRequest
	More    map[string]any `json:"-" validate:"-"` // as in QueryRequest
}

func (r SingleQueryRequest) common() common       { return common{} }
func (r SingleQueryRequest) more() map[string]any { return r.More }
func (r SingleQueryRequest) completed() request {
	r.ShopDate = shopDate(r.ShopDate, r.OrderNo)
	return r
}
func (r SingleQueryRequest) check(*Client) duopay.Violations {
	return append(oneOf("out_trade_no", r.OrderNo, "trade_no", r.TradeNo), dated(r.ShopDate)...)
}

// SingleQuery is [Client.Query] for a single order. Whether it knows the parts of
// a combined one is to be confirmed with the provider.
//
// Source: public SDKs, ysepay.online.trade.query and, with Details,
// ysepay.online.trade.order.query.
func (c *Client) SingleQuery(ctx context.Context, r SingleQueryRequest) (*SingleOrder, error) {
	op := singleQuery
	if r.Details {
		op = orderQuery
	}
	return call(ctx, c, op, r, func(o *SingleOrder) error { return accept(o.TradeStatus, o.TotalAmount, r.Amount) })
}

// moment reads a time of the provider's, zero if it is none.
func moment(text duopay.Text) time.Time {
	t, err := time.ParseInLocation(time.DateTime, string(text), china)
	if err != nil {
		return time.Time{}
	}
	return t
}
