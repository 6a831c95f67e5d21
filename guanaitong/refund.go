package guanaitong

import (
	"context"
	"strings"

	"github.com/duopay/duopay"
)

var (
	payRecord    = operation{path: "/seller/pay/record", timeLimit: readLimit, repeatable: true}
	refund       = operation{path: "/seller/pay/syncRefund", timeLimit: moveLimit}
	refundRecord = operation{path: "/seller/pay/refundRecord", timeLimit: readLimit, repeatable: true}
)

// PayRecordRequest names a payment.
type PayRecordRequest struct {
	OrderNo string `url:"outer_trade_no" validate:"required,min=10,max=32,orderno"` // the merchant's order number
}

func (r PayRecordRequest) check(string) duopay.Violations { return nil }

// PayRecord asks for a payment, as the seller's app. The fields of the answer
// are not published, so all of it is in Data: a nil error means code 0, no
// other order number, and no more. It changes nothing and is repeated if the
// answer is unclear.
//
// Source: a seller's own program; the provider's page is not known.
func (c *Client) PayRecord(ctx context.Context, r PayRecordRequest) (*CallReply, error) {
	return call(ctx, c, payRecord, r, accepted[CallReply])
}

// RefundRequest asks for a part of a payment, or all of it, to go back. Both
// numbers begin with the appid of the client, which is the seller's.
type RefundRequest struct {
	OrderNo      string        `url:"outer_trade_no" validate:"required,min=10,max=32,orderno"`        // the merchant's order number
	RefundNo     string        `url:"outer_refund_no" validate:"required,min=10,max=32,orderno"`       // the merchant's refund number, unique: the handle after a time-out
	Reason       string        `url:"reason" validate:"required,max=254"`                              // why
	RefundAmount duopay.Money  `url:"refund_amount" validate:"required,yuan=0.01 99999999.99"`         // yuan
	CostAmount   *duopay.Money `url:"cost_amount,omitempty" validate:"omitnil,yuan=0.00 99999999.99"`  // yuan; only where price differences are settled
	DeliveryFee  *duopay.Money `url:"delivery_fee,omitempty" validate:"omitnil,yuan=0.00 99999999.99"` // yuan; not where the settlement price contains it
	NotifyURL    string        `url:"notify_url,omitempty" validate:"omitempty,max=254,http_url"`      // where the refund is notified
}

func (r RefundRequest) check(appID string) duopay.Violations {
	var violations duopay.Violations
	for _, number := range [][2]string{{"outer_trade_no", r.OrderNo}, {"outer_refund_no", r.RefundNo}} {
		if !strings.HasPrefix(number[1], appID) {
			violations = append(violations, duopay.Violation{Field: number[0], Rule: "must begin with the appid of the client, the seller's"})
		}
	}
	return violations
}

// RefundReply is the answer to [Client.Refund].
type RefundReply struct {
	Reply
	TradeNo string // the provider's trade number of the refund
}

func (r *RefundReply) read(p payload) (err error) {
	r.TradeNo, err = decodeText(p.data)
	return err
}

// Refund starts a refund, as the seller's app. It is sent again only if it
// never left, or once if the gateway refuses the token. A nil error means that
// the provider has accepted it and given it a number.
//
// After [duopay.Unsure] repeat it with the same number, or ask with
// [Client.RefundRecord]; never make a new number for it. The provider takes a
// number once: code 1000220003, which is Unsure, then means that it has this
// refund.
//
// Source: the provider's page of seller/pay/syncRefund. That it takes payments
// of employee/checkUserAndToPay, whose numbers are of the same form, is not
// stated anywhere.
func (c *Client) Refund(ctx context.Context, r RefundRequest) (*RefundReply, error) {
	return call(ctx, c, refund, r, accepted[RefundReply])
}

// RefundRecordRequest names a refund.
type RefundRecordRequest struct {
	RefundNo string `url:"outer_refund_no" validate:"required,min=10,max=32,orderno"` // the merchant's refund number
}

func (r RefundRecordRequest) check(string) duopay.Violations { return nil }

// RefundRecord asks for a refund, as the seller's app. The fields of the answer
// are not published, so all of it is in Data: a nil error means code 0, no
// other refund number, and no more. It changes nothing and is repeated if the
// answer is unclear.
//
// Source: a seller's own program; the provider's page is not known.
func (c *Client) RefundRecord(ctx context.Context, r RefundRecordRequest) (*CallReply, error) {
	return call(ctx, c, refundRecord, r, accepted[CallReply])
}
