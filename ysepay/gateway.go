package ysepay

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/duopay/duopay"
)

// Gateway is Ysepay in the words of package duopay. It is a plain value that
// holds what those words leave out, and is safe for concurrent use.
//
// An order of the neutral words becomes a combined order. Its number must begin
// with the trade date. Without SubOrders it has one part, whose number is that of
// the order and "-1" (so the order's may have 30 characters at most), for
// SellerID. For an order of several sellers, copy the Gateway and set SubOrders.
type Gateway struct {
	Client    *Client
	SellerID  string     // combine_seller_id, and seller of the only sub order; the partner if empty
	SubOrders []SubOrder // of the next order; nil: one for all of it
	Timeout   string     // timeout_express of orders without ExpiresAt; 7d, the provider's own, if empty

	// SubOrderNo is the sub order that Refund and QueryRefund are about, as money
	// goes back from its seller; empty: the only one of an order without SubOrders.
	SubOrderNo string

	// EditPay and EditRefund, if set, may change any field of a request last,
	// before it is checked and sent.
	EditPay    func(*PayRequest)    `json:"-"`
	EditRefund func(*RefundRequest) `json:"-"`
}

var _ interface {
	duopay.Preparer
	duopay.Querier
	duopay.Refunder
	duopay.RefundQuerier
	duopay.Closer
	duopay.NotificationParser
} = Gateway{}

// Prepare is [Client.Pay], for [duopay.Alipay]. order.Buyer is the payer's Alipay
// user id; order.ReturnURL does not exist here. PageData is for tradePay: see
// [PayInfo.Script]. Native is a [*PayReply].
func (g Gateway) Prepare(ctx context.Context, order duopay.Order) (duopay.Prepared, error) {
	prepared := duopay.Prepared{OrderNo: order.OrderNo}
	if order.Channel != duopay.Alipay && order.Channel != "" {
		return prepared, &duopay.Error{
			Provider: provider, Op: pay.method, Kind: duopay.Invalid, OrderNo: order.OrderNo,
			Err: duopay.Violations{{Field: "channel", Rule: "must be " + string(duopay.Alipay)}},
		}
	}
	r := g.payRequest(order)
	if g.EditPay != nil {
		g.EditPay(&r)
	}
	prepared.OrderNo = r.OrderNo
	reply, err := g.Client.Pay(ctx, r)
	if reply != nil {
		prepared.TradeNo, prepared.Native = string(reply.TradeNo), reply
	}
	if err == nil {
		prepared.PageData = reply.PayInfo.PageData()
	}
	return prepared, err
}

func (g Gateway) payRequest(order duopay.Order) PayRequest {
	r := PayRequest{
		NotifyURL:      order.NotifyURL,
		OrderNo:        order.OrderNo,
		BuyerID:        order.Buyer,
		TimeoutExpress: cmp.Or(g.Timeout, "7d"),
		SellerID:       cmp.Or(g.SellerID, g.Client.config.PartnerID),
		Subject:        order.Subject,
		TotalAmount:    order.Amount,
		Extra:          order.Attach,
		SubOrders:      append([]SubOrder(nil), g.SubOrders...),
	}
	if !order.ExpiresAt.IsZero() {
		r.TimeoutExpress = Timeout(order.ExpiresAt.Sub(g.Client.options.Now()))
	}
	if len(r.SubOrders) == 0 {
		r.SubOrders = []SubOrder{{OrderNo: subOrderNo(order.OrderNo), Amount: order.Amount, SellerID: r.SellerID}}
	}
	return r
}

// subOrderNo returns the number of the only sub order.
func subOrderNo(orderNo string) string {
	if orderNo == "" {
		return ""
	}
	return orderNo + "-1"
}

// Query is [Client.Query]. The trade date is that in front of the order number,
// else the day of CreatedAt. Native is an [*Order].
func (g Gateway) Query(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	found, err := g.Client.Query(ctx, QueryRequest{
		OrderNo: order.OrderNo, TradeNo: tradeNo(order), ShopDate: day(order.OrderNo, order.CreatedAt), Amount: order.Amount,
	})
	return found.payment(order.OrderNo, err), err
}

// tradeNo returns the provider's number if there is no other: which of two would
// count is not documented.
func tradeNo(order duopay.Reference) string {
	if order.OrderNo != "" {
		return ""
	}
	return order.TradeNo
}

// day returns the trade date in front of an order number, else that of a moment.
func day(orderNo string, moment time.Time) string {
	if date := shopDate("", orderNo); date != "" || moment.IsZero() {
		return date
	}
	return moment.In(china).Format(dateLayout)
}

// Close is [Client.Close]. Native is a [*CloseReply].
func (g Gateway) Close(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	reply, err := g.Client.Close(ctx, CloseRequest{
		OrderNo: order.OrderNo, TradeNo: tradeNo(order), ShopDate: day(order.OrderNo, order.CreatedAt),
	})
	if err != nil {
		return duopay.Payment{OrderNo: order.OrderNo}, err
	}
	return duopay.Payment{
		OrderNo: cmp.Or(order.OrderNo, string(reply.OrderNo)), TradeNo: string(reply.TradeNo), Status: duopay.Pending, Native: reply,
	}, nil
}

// Refund is [Client.Refund]: of SubOrderNo if that is set, else of the only sub
// order of refund.OrderNo. refund.TradeNo, the combined order's, is not sent.
// Native is a [*RefundReply].
func (g Gateway) Refund(ctx context.Context, refund duopay.Refund) (duopay.RefundResult, error) {
	r := RefundRequest{
		NotifyURL:    refund.NotifyURL,
		OrderNo:      cmp.Or(g.SubOrderNo, subOrderNo(refund.OrderNo)),
		ShopDate:     day(refund.OrderNo, refund.CreatedAt),
		RefundAmount: refund.Amount,
		Reason:       refund.Reason,
		RefundNo:     refund.RefundNo,
	}
	if g.EditRefund != nil {
		g.EditRefund(&r)
	}
	result := duopay.RefundResult{OrderNo: refund.OrderNo, RefundNo: r.RefundNo}
	reply, err := g.Client.Refund(ctx, r)
	if err != nil {
		return result, err
	}
	result.RefundTradeNo = cmp.Or(string(reply.RefundSN), string(reply.RefundSN2))
	result.Status = duopay.RefundPending // accepted
	result.Amount = r.RefundAmount       // compared, if the gateway tells it
	result.Native = reply
	return result, nil
}

// QueryRefund is [Client.RefundQuery], of the same sub order as Refund. Native is
// a [*RefundOrder].
func (g Gateway) QueryRefund(ctx context.Context, refund duopay.Refund) (duopay.RefundResult, error) {
	result := duopay.RefundResult{OrderNo: refund.OrderNo, RefundNo: refund.RefundNo}
	found, err := g.Client.RefundQuery(ctx, RefundQueryRequest{
		OrderNo:      cmp.Or(g.SubOrderNo, subOrderNo(refund.OrderNo)),
		ShopDate:     day(refund.OrderNo, refund.CreatedAt),
		RefundNo:     refund.RefundNo,
		RefundAmount: refund.Amount,
	})
	if found == nil {
		return result, err
	}
	result.RefundTradeNo = string(found.RefundSN)
	result.State = string(found.RefundState)
	result.Amount, _ = found.RefundAmount.Money() // compared where it matters
	result.Native = found
	if err == nil {
		result.Status = found.RefundState.Status()
	}
	return result, err
}

// ParseNotification is [Client.ParseNotification]. Native is a [*Notification].
//
// A notification without an amount is not of the right amount for
// [duopay.Payment.Match]: query the order, and match that. One about a refund
// names the sub order, and says nothing about the payment.
func (g Gateway) ParseNotification(method string, _ *url.URL, header http.Header, body []byte) (duopay.Notification, error) {
	n, err := g.Client.ParseNotification(method, header, body)
	if err != nil {
		return duopay.Notification{}, err
	}
	result := duopay.Notification{Provider: provider, Native: n, Payment: duopay.Payment{
		OrderNo: n.OrderNo, TradeNo: n.TradeNo, ChannelTradeNo: n.ChannelRecvSN, Attach: n.Extra, Native: n,
	}}
	if n.NotifyType == NotifyRefund {
		result.Refund = &duopay.RefundResult{
			OrderNo: n.OrderNo, RefundNo: n.RefundNo, RefundTradeNo: n.RefundSN,
			Status: n.RefundState.Status(), State: string(n.RefundState), Native: n,
		}
		result.Refund.Amount, _ = n.RefundAmount.Money() // readable, or absent
		return result, nil
	}
	result.Payment.Status, result.Payment.State = n.TradeStatus.Status(), string(n.TradeStatus)
	result.Payment.Amount, _ = n.TotalAmount.Money() // readable, or absent
	return result, nil
}

// Acknowledge is [Client.Acknowledge].
func (g Gateway) Acknowledge(err error) duopay.Acknowledgement { return g.Client.Acknowledge(err) }

// payment returns the order in neutral words. With an error its status is
// unknown, whatever it says itself.
func (o *Order) payment(orderNo string, err error) duopay.Payment {
	if o == nil {
		return duopay.Payment{OrderNo: orderNo}
	}
	detail := PayDetail{ChannelRecvSN: o.ChannelRecvSN, PaySuccessTime: o.PaySuccessTime}
	if detail == (PayDetail{}) && len(o.PayDetails) == 1 {
		detail = o.PayDetails[0]
	}
	p := duopay.Payment{
		OrderNo:        cmp.Or(orderNo, string(o.OrderNo)),
		TradeNo:        string(o.TradeNo),
		ChannelTradeNo: string(detail.ChannelRecvSN),
		Status:         o.TradeStatus.Status(),
		State:          string(o.TradeStatus),
		PaidAt:         moment(detail.PaySuccessTime),
		Attach:         string(o.Extra),
		Native:         o,
	}
	p.Amount, _ = o.TotalAmount.Money()     // checked where it matters
	p.Received, _ = o.ReceiptAmount.Money() // informative
	if err != nil {
		p.Status = duopay.Unknown
	}
	return p
}
