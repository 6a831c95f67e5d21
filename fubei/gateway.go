package fubei

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/duopay/duopay"
)

// Gateway is Fubei in the words of package duopay. It is a plain value that
// holds what those words leave out, and is safe for concurrent use.
type Gateway struct {
	Client    *Client
	StoreID   int64  // required if the merchant has several stores
	CashierID int64  // optional
	DeviceNo  string // terminal; optional

	// EditSwipe and EditScan, if set, may change any field of a request last,
	// before it is checked and sent.
	EditSwipe func(*SwipeRequest) `json:"-"`
	EditScan  func(*ScanRequest)  `json:"-"`
}

var _ interface {
	duopay.Settler
	duopay.Preparer
	duopay.Refunder
	duopay.RefundQuerier
	duopay.Canceler
	duopay.Closer
	duopay.NotificationParser
} = Gateway{}

// Timing returns the schedule for [duopay.Settle]: queries 2 s after the answer
// and then every 3 s; giving up 45 s after the swipe was sent; up to 5
// reversals 3 s apart, none within the first 15 s, each with 15 s to take
// effect. WeChat forbids earlier reversals; the rest is what official demos
// and the wallets advise.
func (g Gateway) Timing() duopay.Timing {
	return duopay.Timing{
		FirstQuery:   2 * time.Second,
		QueryEvery:   3 * time.Second,
		GiveUp:       45 * time.Second,
		CancelAfter:  15 * time.Second,
		Cancels:      5,
		CancelEvery:  3 * time.Second,
		CancelSettle: 15 * time.Second,
	}
}

// Charge is [Client.Swipe]. Native is an [*Order].
func (g Gateway) Charge(ctx context.Context, charge duopay.Charge) (duopay.Payment, error) {
	r := SwipeRequest{
		OrderNo:     charge.OrderNo,
		AuthCode:    charge.AuthCode,
		TotalFee:    charge.Amount,
		StoreID:     g.StoreID,
		CashierID:   g.CashierID,
		DeviceNo:    g.DeviceNo,
		Body:        charge.Subject,
		CallBackURL: charge.NotifyURL,
		Attach:      charge.Attach,
	}
	if DetectPayType(charge.AuthCode) != TypeUnionPay { // for which no expiry can be set
		r.TimeoutExpress = At(charge.ExpiresAt)
	}
	if g.EditSwipe != nil {
		g.EditSwipe(&r)
	}
	order, err := g.Client.Swipe(ctx, r)
	return order.payment(r.OrderNo, err), err
}

// Prepare is [Client.Scan]. Native is a [*ScanReply].
func (g Gateway) Prepare(ctx context.Context, order duopay.Order) (duopay.Prepared, error) {
	r := ScanRequest{
		OrderNo:     order.OrderNo,
		Type:        payType(order.Channel),
		TotalFee:    order.Amount,
		StoreID:     g.StoreID,
		CashierID:   g.CashierID,
		DeviceNo:    g.DeviceNo,
		Body:        order.Subject,
		CallBackURL: order.NotifyURL,
		Attach:      order.Attach,
	}
	if g.EditScan != nil {
		g.EditScan(&r)
	}
	prepared := duopay.Prepared{OrderNo: r.OrderNo}
	reply, err := g.Client.Scan(ctx, r)
	if reply != nil {
		prepared.TradeNo, prepared.QRCode, prepared.Native = string(reply.OrderSN), reply.QRCode, reply
	}
	return prepared, err
}

// payType returns the wallet in Fubei's words.
func payType(channel duopay.Channel) PayType {
	switch channel {
	case "":
		return 0
	case duopay.WeChatPay:
		return TypeWeChat
	case duopay.Alipay:
		return TypeAlipay
	case duopay.UnionPay:
		return TypeUnionPay
	}
	return -1 // breaks the rule of the field
}

// Query is [Client.Query], by order number, or by TradeNo (Fubei's order_sn) if
// there is none. Native is an [*Order].
func (g Gateway) Query(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	r := QueryRequest{OrderNo: order.OrderNo, OrderSN: orderSN(order.OrderNo, order.TradeNo), Amount: order.Amount}
	found, err := g.Client.Query(ctx, r)
	return found.payment(order.OrderNo, err), err
}

// orderSN returns Fubei's number if there is no other: which of two would count
// is not documented.
func orderSN(orderNo, tradeNo string) string {
	if orderNo != "" {
		return ""
	}
	return tradeNo
}

// Cancel is [Client.Reverse], for swipes. Native is a [*ReverseReply].
func (g Gateway) Cancel(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	r := ReverseRequest{OrderNo: order.OrderNo, OrderSN: orderSN(order.OrderNo, order.TradeNo)}
	reply, err := g.Client.Reverse(ctx, r)
	if err != nil {
		return duopay.Payment{OrderNo: order.OrderNo}, err
	}
	return duopay.Payment{OrderNo: order.OrderNo, TradeNo: string(reply.OrderSN), Status: duopay.Pending, Native: reply}, nil
}

// Close is [Client.Close], for orders to be scanned. Native is a [*CloseReply].
func (g Gateway) Close(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	r := CloseRequest{OrderNo: order.OrderNo, OrderSN: orderSN(order.OrderNo, order.TradeNo)}
	reply, err := g.Client.Close(ctx, r)
	if err != nil {
		return duopay.Payment{OrderNo: order.OrderNo}, err
	}
	return duopay.Payment{OrderNo: order.OrderNo, TradeNo: string(reply.OrderSN), Status: duopay.Pending, Native: reply}, nil
}

// Refund is [Client.Refund]. Native is a [*RefundReply].
func (g Gateway) Refund(ctx context.Context, refund duopay.Refund) (duopay.RefundResult, error) {
	r := RefundRequest{OrderNo: refund.OrderNo, OrderSN: orderSN(refund.OrderNo, refund.TradeNo), RefundNo: refund.RefundNo, RefundMoney: refund.Amount}
	reply, err := g.Client.Refund(ctx, r)
	return reply.result(refund, err), err
}

// QueryRefund is [Client.RefundQuery]. Native is a [*RefundReply].
func (g Gateway) QueryRefund(ctx context.Context, refund duopay.Refund) (duopay.RefundResult, error) {
	r := RefundQueryRequest{OrderNo: refund.OrderNo, OrderSN: orderSN(refund.OrderNo, refund.TradeNo), RefundNo: refund.RefundNo}
	reply, err := g.Client.RefundQuery(ctx, r)
	return reply.result(refund, err), err
}

// ParseNotification is [Client.ParseNotification]. Native is a [*Notification].
func (g Gateway) ParseNotification(method string, _ *url.URL, header http.Header, body []byte) (duopay.Notification, error) {
	n, err := g.Client.ParseNotification(method, header, body)
	if err != nil {
		return duopay.Notification{}, err
	}
	payment := n.Order.payment(string(n.Order.OrderNo), nil)
	payment.State, payment.Status, payment.Native = string(n.State()), n.State().Status(), n
	if n.Paid() {
		payment.Status = duopay.Paid
	} else if payment.Status == duopay.Paid { // a state that the code contradicts
		payment.Status = duopay.Unknown
	}
	payment.Amount, _ = n.Ordered() // readable, or absent
	return duopay.Notification{Provider: provider, Payment: payment, Native: n}, nil
}

// Acknowledge is [Client.Acknowledge].
func (g Gateway) Acknowledge(err error) duopay.Acknowledgement { return g.Client.Acknowledge(err) }

// payment returns the order in neutral words. With an error its status is
// unknown, whatever it says itself.
func (o *Order) payment(orderNo string, err error) duopay.Payment {
	if o == nil {
		return duopay.Payment{OrderNo: orderNo}
	}
	p := duopay.Payment{
		OrderNo:        cmp.Or(orderNo, string(o.OrderNo)),
		TradeNo:        string(o.OrderSN),
		ChannelTradeNo: string(o.PlatformOrderNo),
		Status:         o.TradeState.Status(),
		State:          string(o.TradeState),
		PaidAt:         o.PaidAt(),
		Attach:         string(o.Attach),
		Native:         o,
	}
	p.Amount, _ = o.Ordered()          // checked where it matters
	p.Received, _ = o.TotalFee.Money() // informative
	if err != nil {
		p.Status = duopay.Unknown
	}
	return p
}

// result returns the refund in neutral words. The gateway tells no amount.
func (r *RefundReply) result(refund duopay.Refund, err error) duopay.RefundResult {
	result := duopay.RefundResult{OrderNo: refund.OrderNo, RefundNo: refund.RefundNo}
	if r == nil || err != nil {
		return result
	}
	result.RefundTradeNo = string(r.RefundSN)
	result.Status = r.RefundStatus.Status()
	result.State = string(r.RefundStatus)
	result.Native = r
	return result
}
