package guanaitong

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/duopay/duopay"
)

// Gateway is Guanaitong in the words of package duopay. It is a plain value
// that holds what those words leave out, and is safe for concurrent use.
//
// It has neither QueryRefund, Cancel nor Close: what the provider answers about
// refunds is not published (see [Client.RefundRecord]), and a payment cannot be
// taken back but by a refund.
type Gateway struct {
	Client *Client // the enterprise's app, which pays and queries
	Seller *Client // the seller's app, which refunds; Client if nil

	SellerAppID    string  // seller_appid; the appid of Seller if empty
	PayType        PayType // PayPoints or PayQuota
	ReturnURL      string  // where the payer's browser goes afterwards; the manual requires it
	NotifyURL      string  // where the provider notifies, unless the charge says so itself
	EnterpriseCode string  // for queries of group and operator apps

	// EditPay, if set, may change any field of a request last, before it is
	// checked and sent. Without it trade_info is one line that the charge makes
	// up: its subject, for its amount, with cost prices of 0.00, as in the
	// manual's sample. Where the provider settles by cost price, set them.
	EditPay func(*PayRequest) `json:"-"`
}

var _ interface {
	duopay.Settler
	duopay.Refunder
	duopay.NotificationParser
} = Gateway{}

// Timing returns the schedule for [duopay.Settle]: queries 2 s after the answer
// and then every 5 s, as each reads a list, and giving up a minute after the
// charge, when the authorisation code is dead and what is still on its way
// cannot pay any more. Then the outcome is unknown until the notification
// comes: nothing is cancelled, as nothing can be, and that the list does not
// show a payment is never proof that there is none. It only confirms a refusal:
// one that proves nothing by itself stands if the list does not show the order
// either.
func (g Gateway) Timing() duopay.Timing {
	return duopay.Timing{FirstQuery: 2 * time.Second, QueryEvery: 5 * time.Second, GiveUp: time.Minute}
}

// Charge is [Client.Pay]: AuthCode is the employee's authorisation code. What
// the provider reports at once is provisional, so the status is
// [duopay.Pending] at best: query, or wait for the notification. Native is a
// [*PayReply].
func (g Gateway) Charge(ctx context.Context, charge duopay.Charge) (duopay.Payment, error) {
	subject := cmp.Or(charge.Subject, charge.OrderNo)
	r := PayRequest{
		AuthCode:    charge.AuthCode,
		SellerAppID: cmp.Or(g.SellerAppID, g.seller().config.AppID),
		OrderNo:     charge.OrderNo,
		PayType:     g.PayType,
		Point:       charge.Amount,
		Reason:      subject,
		ReturnURL:   g.ReturnURL,
		NotifyURL:   cmp.Or(charge.NotifyURL, g.NotifyURL),
		Attach:      charge.Attach,
		TradeInfo: TradeInfo{
			TradeNo: charge.OrderNo, TotalAmount: charge.Amount, PayAmount: charge.Amount,
			Goods: []Goods{{SKUID: charge.OrderNo, Name: shorten(subject, 50), Quantity: 1, Price: charge.Amount}},
		},
	}
	if g.EditPay != nil {
		g.EditPay(&r)
	}
	reply, err := g.Client.Pay(ctx, r)
	payment := duopay.Payment{OrderNo: r.OrderNo}
	if reply == nil {
		return payment, err
	}
	payment.TradeNo, payment.State, payment.Native = reply.TradeNo, reply.Message, reply
	if reply.Claim != nil {
		payment.State, payment.Attach = string(reply.Claim.Claims), reply.Claim.Attach
	}
	if err == nil {
		payment.Status = duopay.Pending
	}
	return payment, err
}

func (g Gateway) seller() *Client {
	if g.Seller != nil {
		return g.Seller
	}
	return g.Client
}

// shorten returns the first n characters of text.
func shorten(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}

// Query looks for the order in the list of consumption, from the day before
// order.CreatedAt to the day after it; now, if it is zero. There is no query by
// order number whose answer is published. Without an order number it is
// [Client.Consume] by TradeNo. Native is a [*Consumption] or [*ConsumeReply].
//
// An order that is not in the list is [duopay.ErrNotFound] and of kind
// [duopay.Unsure]: the list is no proof that it was not paid. So is every other
// error, a refusal of the list included, which says nothing of the order.
func (g Gateway) Query(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	payment, err := g.query(ctx, order)
	if err == nil {
		return payment, nil
	}
	payment.OrderNo, payment.Status = order.OrderNo, duopay.Unknown
	var e *duopay.Error
	if !errors.As(err, &e) {
		e = &duopay.Error{Provider: provider, Op: consumeList.path, OrderNo: order.OrderNo, Kind: duopay.Unsure, Err: err}
	}
	if e.OrderNo = order.OrderNo; e.Kind == duopay.Refused {
		e.Kind, e.Certain = duopay.Unsure, false
	}
	return payment, e
}

// The list is read in pages of this size, and so many of them at most.
const (
	pageSize = 100
	maxPages = 200
)

var errLongList = fmt.Errorf("the list is longer than %d pages", maxPages)

func (g Gateway) query(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	if order.OrderNo == "" {
		reply, err := g.Client.Consume(ctx, ConsumeRequest{TradeNo: order.TradeNo, EnterpriseCode: g.EnterpriseCode, Amount: order.Amount})
		if reply == nil {
			return duopay.Payment{}, err
		}
		return reply.payment(reply), err
	}
	around := order.CreatedAt
	if around.IsZero() {
		around = g.Client.options.Now()
	}
	r := ConsumeListRequest{
		PageSize: pageSize, TimeStart: DayOf(around.AddDate(0, 0, -1)), TimeEnd: DayOf(around.AddDate(0, 0, 1)), EnterpriseCode: g.EnterpriseCode,
	}
	found, err := g.find(ctx, r, order.OrderNo)
	if err != nil {
		return duopay.Payment{}, err
	}
	return found.payment(found), found.accept(order.OrderNo, order.Amount)
}

// find reads the list until it shows the order paid, or to its end. Two
// payments for one number, both paid or both not, are for a person to look at.
func (g Gateway) find(ctx context.Context, r ConsumeListRequest, orderNo string) (*Consumption, error) {
	var found *Consumption
	paid := func(c *Consumption) bool { return c != nil && c.Status().Paid() }
	for seen := 0; r.PageIndex < maxPages; {
		r.PageIndex++
		page, err := g.Client.ConsumeList(ctx, r)
		if err != nil {
			return nil, err
		}
		for i := range page.List {
			switch one := &page.List[i]; {
			case string(one.OrderNo) != orderNo:
			case found == nil, paid(one) && !paid(found):
				found = one
			case one.TradeNo != found.TradeNo && paid(one) == paid(found):
				return nil, errors.New("the order number stands more than once in the list")
			}
		}
		seen += len(page.List)
		total, unknown := page.TotalCount.Int64()
		switch more := len(page.List) > 0 && (unknown != nil || int64(seen) < total); {
		case paid(found), found != nil && !more:
			return found, nil
		case !more:
			return nil, fmt.Errorf("%w: it is not in the list, which proves nothing", duopay.ErrNotFound)
		}
	}
	return nil, errLongList
}

// payment returns the consumption in neutral words.
func (c *Consumption) payment(native any) duopay.Payment {
	p := duopay.Payment{
		OrderNo: string(c.OrderNo),
		TradeNo: string(c.TradeNo),
		Status:  c.Status(),
		State:   string(c.State),
		PaidAt:  c.PayTime.Time(),
		Native:  native,
	}
	p.Amount, _ = c.Ordered()           // checked where it matters
	p.Received, _ = c.PayAmount.Money() // informative
	return p
}

// Refund is [Client.Refund], as Seller. The status is [duopay.RefundPending]
// at best: the notification says when it is done. Without a reason it is 退款.
// Native is a [*RefundReply].
func (g Gateway) Refund(ctx context.Context, refund duopay.Refund) (duopay.RefundResult, error) {
	result := duopay.RefundResult{OrderNo: refund.OrderNo, RefundNo: refund.RefundNo}
	reply, err := g.seller().Refund(ctx, RefundRequest{
		OrderNo:      refund.OrderNo,
		RefundNo:     refund.RefundNo,
		Reason:       cmp.Or(refund.Reason, "退款"),
		RefundAmount: refund.Amount,
		NotifyURL:    refund.NotifyURL,
	})
	if err != nil {
		return result, err
	}
	result.RefundTradeNo, result.Status, result.State, result.Native = reply.TradeNo, duopay.RefundPending, reply.Message, reply
	return result, nil
}

// ParseNotification is [Client.ParseNotification], or
// [Client.ParseRefundNotification] if the message is about a refund. It
// believes what Client believes, and else what Seller does. Native is a
// [*Notification] or [*RefundNotification].
func (g Gateway) ParseNotification(method string, _ *url.URL, header http.Header, body []byte) (duopay.Notification, error) {
	n, err := g.Client.notification(method, header, body)
	if g.Seller != nil && errors.Is(err, ErrUnknownApp) {
		return g.Seller.notification(method, header, body)
	}
	return n, err
}

// notification returns a notification in neutral words. That a refund was made
// does not tell the state of the payment.
func (c *Client) notification(method string, header http.Header, body []byte) (duopay.Notification, error) {
	if fields, err := readForm(string(body[:min(len(body), maxCallback)])); err == nil && fields["outer_refund_no"] != "" {
		n, err := c.ParseRefundNotification(method, header, body)
		if err != nil {
			return duopay.Notification{}, err
		}
		return duopay.Notification{
			Provider: provider,
			Payment:  duopay.Payment{OrderNo: n.OrderNo, Native: n},
			Refund: &duopay.RefundResult{
				OrderNo: n.OrderNo, RefundNo: n.RefundNo, RefundTradeNo: n.TradeNo,
				Status: duopay.RefundDone, Amount: n.RefundAmount, Native: n,
			},
			Native: n,
		}, nil
	}
	n, err := c.ParseNotification(method, header, body)
	if err != nil {
		return duopay.Notification{}, err
	}
	return duopay.Notification{
		Provider: provider,
		Payment: duopay.Payment{
			OrderNo: n.OrderNo, TradeNo: n.TradeNo, Status: duopay.Paid, Amount: n.TotalAmount, Attach: n.Attach, Native: n,
		},
		Native: n,
	}, nil
}

// Acknowledge is [Client.Acknowledge].
func (g Gateway) Acknowledge(err error) duopay.Acknowledgement { return g.Client.Acknowledge(err) }
