package fufu

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/wire"
)

// Gateway is Fufu in the words of package duopay. It is a plain value that
// holds what those words leave out, and is safe for concurrent use.
type Gateway struct {
	Client     *Client
	OperatorID string   // cashier; required to refund, cancel and close
	TerminalID string   // terminal; required to refund, cancel and close
	StoreID    string   // optional
	SubAppID   string   // WeChat's appid; required for WeChat inside of a page
	FeeType    Currency // of all orders; CNY if empty. Money then counts that currency

	// EditOrder, EditPreOrder and EditRefund, if set, may change any field of a
	// request last, before it is checked and sent.
	EditOrder    func(*OrderRequest)    `json:"-"`
	EditPreOrder func(*PreOrderRequest) `json:"-"`
	EditRefund   func(*RefundRequest)   `json:"-"`
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

// Timing returns the schedule for [duopay.Settle]. An order is answered when it
// is paid, or after 80 s, so what is unclear then is queried at once and every
// 3 s until 100 s after it was sent, by when the gateway has cancelled by
// itself what was not paid. One cancel follows, with three queries 3 s apart;
// more would only be refused. It is not sent before 16 s: the manual wants 15 s
// after the order was created, which is a moment after it was sent. Three
// denials in a row over 20 s or more, not before 100 s, prove that the order
// never arrived.
//
// Between 23:00 and 01:00 in UTC+8 no cancel goes out, and an order that is
// still open ends in unknown. Query it later.
func (g Gateway) Timing() duopay.Timing {
	return duopay.Timing{
		FirstQuery:      0,
		QueryEvery:      3 * time.Second,
		GiveUp:          100 * time.Second,
		CancelAfter:     16 * time.Second,
		Cancels:         1,
		CancelSettle:    6 * time.Second,
		NotFoundQueries: 3,
		NotFoundSpan:    20 * time.Second,
	}
}

// Charge is [Client.Order]. Native is an [*Order]. An order is not notified and
// has no expiry but the gateway's 80 s, so NotifyURL and ExpiresAt are not
// sent; [duopay.Settle] minds the latter.
func (g Gateway) Charge(ctx context.Context, charge duopay.Charge) (duopay.Payment, error) {
	r := OrderRequest{
		OperatorID:    g.OperatorID,
		TerminalID:    g.TerminalID,
		MerchantParam: []byte(charge.Attach),
		StoreID:       g.StoreID,
		TotalFee:      charge.Amount.Fen(),
		AuthCode:      charge.AuthCode,
		OrderNo:       charge.OrderNo,
		Subject:       charge.Subject,
		FeeType:       g.FeeType,
	}
	if g.EditOrder != nil {
		g.EditOrder(&r)
	}
	order, err := g.Client.Order(ctx, r)
	return g.payment(order, r.OrderNo, err), err
}

// Prepare is [Client.PreOrder]: with a Buyer inside of a page, else by QR code.
// Native is a [*PreOrderReply]. PageData is WeChat's payInfo, or {"tradeNO":...}
// for Alipay's tradePay. ExpiresAt is rounded down to whole minutes, of which
// there must be 1 to 1440. ReturnURL is not sent.
func (g Gateway) Prepare(ctx context.Context, order duopay.Order) (duopay.Prepared, error) {
	r := PreOrderRequest{
		OperatorID:    g.OperatorID,
		TerminalID:    g.TerminalID,
		MerchantParam: []byte(order.Attach),
		StoreID:       g.StoreID,
		TotalFee:      order.Amount.Fen(),
		Channel:       channel(order.Channel),
		OrderNo:       order.OrderNo,
		Subject:       order.Subject,
		FeeType:       g.FeeType,
		OpenID:        order.Buyer,
		NotifyURL:     order.NotifyURL,
		TradeType:     TradeQRCode,
	}
	if order.Buyer != "" {
		r.TradeType = TradeJSAPI
		if r.Channel == ChannelWeChat {
			r.SubAppID = g.SubAppID
		}
	}
	if !order.ExpiresAt.IsZero() {
		r.TimeExpire = new(int(order.ExpiresAt.Sub(g.Client.options.Now()) / time.Minute))
	}
	if g.EditPreOrder != nil {
		g.EditPreOrder(&r)
	}
	prepared := duopay.Prepared{OrderNo: r.OrderNo}
	reply, err := g.Client.PreOrder(ctx, r)
	if reply != nil {
		prepared.TradeNo, prepared.QRCode, prepared.Native = string(reply.TradeNo), string(reply.QRCode), reply
		prepared.PageData = reply.pageData()
	}
	return prepared, err
}

// pageData returns what the wallet's JavaScript is to be called with.
func (r *PreOrderReply) pageData() json.RawMessage {
	if r.PayInfo == nil && r.PrePayID != "" {
		data, _ := wire.JSON(map[string]string{"tradeNO": string(r.PrePayID)}) // cannot fail
		return data
	}
	return json.RawMessage(r.PayInfo)
}

// channel returns the wallet in Fufu's words.
func channel(channel duopay.Channel) Channel {
	switch channel {
	case "":
		return ChannelAuto
	case duopay.Alipay:
		return ChannelAlipay
	case duopay.WeChatPay:
		return ChannelWeChat
	}
	return -1 // breaks the rule of the field
}

// Query is [Client.Query], by order number. Native is an [*Order]. The manual
// promises no amount, so Amount may be zero for a paid order.
func (g Gateway) Query(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	found, err := g.Client.Query(ctx, QueryRequest{OrderNo: order.OrderNo, Amount: order.Amount.Fen(), FeeType: g.feeType()})
	if dead(err) {
		return duopay.Payment{OrderNo: order.OrderNo, Status: duopay.Canceled, State: string(CodeRevoked)}, nil
	}
	return g.payment(found, order.OrderNo, err), err
}

// Cancel is [Client.Cancel], for charges. Native is a [*CancelReply]. It is
// [duopay.Invalid], and not sent, from 23:00 to 01:00 in UTC+8 and within 15 s
// after CreatedAt. An order that was cancelled before is no error.
func (g Gateway) Cancel(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	reply, err := g.Client.Cancel(ctx, CancelRequest{
		OperatorID: g.OperatorID, TerminalID: g.TerminalID, OrderNo: order.OrderNo, CreatedAt: order.CreatedAt,
	})
	return ended(order, reply, err)
}

// Close is [Client.Close], for prepared orders. Native is a [*CloseReply]. An
// order that was cancelled before is no error.
func (g Gateway) Close(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	reply, err := g.Client.Close(ctx, CloseRequest{OperatorID: g.OperatorID, TerminalID: g.TerminalID, OrderNo: order.OrderNo})
	return ended(order, reply, err)
}

// ended returns what a cancel or close means: accepted, of which only a query
// tells whether it took effect, or done before.
func ended[R any](order duopay.Reference, reply *R, err error) (duopay.Payment, error) {
	payment := duopay.Payment{OrderNo: order.OrderNo}
	switch {
	case dead(err):
		payment.Status, payment.State = duopay.Canceled, string(CodeRevoked)
		return payment, nil
	case err == nil:
		payment.Status, payment.Native = duopay.Pending, reply
	}
	return payment, err
}

// dead reports whether an error says that the order is cancelled.
func dead(err error) bool {
	var e *duopay.Error
	return errors.As(err, &e) && e.Kind == duopay.Refused && Code(e.Code).Class() == ClassAlreadyCanceled
}

// Refund is [Client.Refund], by order number, or by TradeNo if there is none.
// Native is a [*RefundReply].
func (g Gateway) Refund(ctx context.Context, refund duopay.Refund) (duopay.RefundResult, error) {
	r := RefundRequest{
		OperatorID:    g.OperatorID,
		TerminalID:    g.TerminalID,
		RefundFee:     refund.Amount.Fen(),
		RefundSubject: refund.Reason,
		OrderNo:       refund.OrderNo,
		RefundNo:      refund.RefundNo,
		FeeType:       g.FeeType,
	}
	if r.OrderNo == "" {
		r.TradeNo = refund.TradeNo
	}
	if g.EditRefund != nil {
		g.EditRefund(&r)
	}
	result := duopay.RefundResult{OrderNo: refund.OrderNo, RefundNo: r.RefundNo}
	reply, err := g.Client.Refund(ctx, r)
	if reply != nil && err == nil {
		result.RefundTradeNo, result.Status, result.Native = string(reply.RefundTradeNo), duopay.RefundPending, reply
		result.Amount = money(reply.RefundFee)
	}
	return result, err
}

// QueryRefund is [Client.RefundQuery]. Native is a [*RefundQueryReply].
func (g Gateway) QueryRefund(ctx context.Context, refund duopay.Refund) (duopay.RefundResult, error) {
	result := duopay.RefundResult{OrderNo: refund.OrderNo, RefundNo: refund.RefundNo}
	reply, err := g.Client.RefundQuery(ctx, RefundQueryRequest{
		OperatorID: g.OperatorID, TerminalID: g.TerminalID, RefundNo: refund.RefundNo, Amount: refund.Amount.Fen(),
	})
	if reply != nil && err == nil {
		result.RefundTradeNo, result.Native = string(reply.TradeNo), reply
		result.Status, result.State = reply.TradeStatus.Status(), string(reply.TradeStatus)
		result.Amount = money(reply.RefundFee)
	}
	return result, err
}

// ParseNotification is [Client.ParseNotification]. Native is a [*Notification].
// The amount of one in another currency than FeeType is left out, so that
// [duopay.Payment.Match] does not find it right.
func (g Gateway) ParseNotification(method string, address *url.URL, _ http.Header, body []byte) (duopay.Notification, error) {
	n, err := g.Client.ParseNotification(method, address, body)
	if err != nil {
		return duopay.Notification{}, err
	}
	payment := g.payment(&n.Order, string(n.Order.OrderNo), nil)
	payment.Status, payment.Native = n.Status(), n
	if !payment.Status.Paid() {
		payment.PaidAt = time.Time{}
	}
	return duopay.Notification{Provider: provider, Payment: payment, Native: n}, nil
}

// Acknowledge is [Client.Acknowledge].
func (g Gateway) Acknowledge(err error) duopay.Acknowledgement { return g.Client.Acknowledge(err) }

func (g Gateway) feeType() Currency { return cmp.Or(g.FeeType, CNY) }

// payment returns the order in neutral words. With an error its status is
// unknown, whatever it says itself.
func (g Gateway) payment(o *Order, orderNo string, err error) duopay.Payment {
	if o == nil {
		return duopay.Payment{OrderNo: orderNo}
	}
	p := duopay.Payment{
		OrderNo:        orderNo,
		TradeNo:        string(o.TradeNo),
		ChannelTradeNo: string(o.ChannelTradeNo),
		Status:         o.State.Status(),
		State:          string(o.State),
		PaidAt:         o.PaidAt(),
		Attach:         string(o.MerchantParam),
		Native:         o,
	}
	if o.FeeType == "" || o.FeeType == g.feeType() {
		p.Amount = money(o.TotalFee)
	}
	if err != nil {
		p.Status = duopay.Unknown
	}
	return p
}

// money returns an amount, zero if there is none; it is checked where it
// matters.
func money(amount Amount) duopay.Money {
	fen, _ := amount.Fen()
	return fen.Money()
}
