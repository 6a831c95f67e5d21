package duopay

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
)

// Charge asks for money from a payer who shows a payment code.
type Charge struct {
	OrderNo   string    // the merchant's order number, never used before
	Amount    Money     // yuan
	AuthCode  string    // the payer's code as scanned: a text, single use, about a minute
	Subject   string    // what is paid for, as the payer sees it
	NotifyURL string    // where the provider notifies; optional
	Attach    string    // returned unchanged in answers and notifications; optional
	ExpiresAt time.Time // after which the payer cannot pay any more; optional
}

// charge has the fields of Charge without its methods.
type charge Charge

// Format writes the charge without the payer's code, whatever the verb.
func (c Charge) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%+v", c.masked()) }

// LogValue returns the charge without the payer's code.
func (c Charge) LogValue() slog.Value { return slog.AnyValue(c.masked()) }

// MarshalJSON writes the charge without the payer's code: it is no wire form.
func (c Charge) MarshalJSON() ([]byte, error) { return json.Marshal(c.masked()) }

func (c Charge) masked() charge {
	c.AuthCode = NewSecret(c.AuthCode).String()
	return charge(c)
}

// Channel is the wallet that a payer uses.
type Channel string

// The wallets.
const (
	WeChatPay Channel = "wechat"
	Alipay    Channel = "alipay"
	UnionPay  Channel = "unionpay"
)

// Order is an order to be paid by the payer afterwards.
type Order struct {
	OrderNo   string    // the merchant's order number, never used before
	Amount    Money     // yuan
	Subject   string    // what is paid for, as the payer sees it
	Channel   Channel   // the payer's wallet
	Buyer     string    // the payer's id in that wallet, for payment inside a page
	NotifyURL string    // where the provider notifies; optional
	ReturnURL string    // where the payer's browser goes afterwards; optional
	Attach    string    // returned unchanged in answers and notifications; optional
	ExpiresAt time.Time // after which the payer cannot pay any more; optional
}

// Prepared is an order that waits for its payer. How the payer gets there is
// in the one of QRCode, PayURL and PageData that the provider gives.
type Prepared struct {
	OrderNo  string          // the merchant's order number
	TradeNo  string          // the provider's number, if it gives one already
	QRCode   string          // a text to be drawn as a QR code
	PayURL   string          // an address to open in the payer's browser
	PageData json.RawMessage // parameters for the wallet's JavaScript in the payer's page
	Native   any             // the provider's whole reply, such as *fubei.ScanReply
}

// Reference names an order that exists or may exist.
type Reference struct {
	OrderNo   string    // the merchant's order number
	TradeNo   string    // the provider's number; optional
	Amount    Money     // what was ordered; when set, a paid answer with another amount is [ErrAmountMismatch]
	CreatedAt time.Time // when the order was sent, for providers that look orders up by time; optional
}

// Payment is what a provider says of an order.
type Payment struct {
	OrderNo        string    // the merchant's order number
	TradeNo        string    // the provider's number
	ChannelTradeNo string    // the wallet's number
	Status         Status    // what it means
	State          string    // the provider's own word for it
	Amount         Money     // what was ordered, yuan; zero if the provider does not say
	Received       Money     // what the merchant receives before fees, yuan; zero if the provider does not say
	PaidAt         time.Time // zero if the provider does not say
	Attach         string    // as sent with the order
	Native         any       // the provider's whole reply, such as *fubei.Order
}

// Match compares the payment with the merchant's own record of the order. It
// returns an error that wraps [ErrOrderMismatch] or [ErrAmountMismatch]. A
// notification handler calls it before it books anything. It says nothing
// about the status.
func (p Payment) Match(order Reference) error {
	if p.OrderNo != order.OrderNo {
		return fmt.Errorf("duopay: %w: %q, not %q", ErrOrderMismatch, p.OrderNo, order.OrderNo)
	}
	if p.Amount != order.Amount {
		return fmt.Errorf("duopay: %w: %s, not %s", ErrAmountMismatch, p.Amount, order.Amount)
	}
	return nil
}

// Status is what became of an order.
type Status string

// The states of an order. The zero Status is Unknown: what is not proven is
// not claimed.
const (
	Unknown         Status = ""                // not proven either way: query
	Pending         Status = "pending"         // the payer, or the provider, has not finished: query
	Paid            Status = "paid"            // the money was taken
	PartialRefunded Status = "partly refunded" // was paid, a part was returned
	Refunded        Status = "refunded"        // was paid, all of it was returned
	Canceled        Status = "canceled"        // taken back: the payer is not charged
	Closed          Status = "closed"          // shut unpaid
	Failed          Status = "failed"          // certainly not paid
)

// Paid reports whether the money was taken, even if it was returned later.
func (s Status) Paid() bool { return s == Paid || s == PartialRefunded || s == Refunded }

// NotPaid reports whether the payer is certainly not charged.
func (s Status) NotPaid() bool { return s == Canceled || s == Closed || s == Failed }

// String returns the status in words.
func (s Status) String() string {
	if s == Unknown {
		return "unknown"
	}
	return string(s)
}

// Refund asks for money to go back to the payer.
type Refund struct {
	OrderNo   string    // the merchant's order number of the payment
	TradeNo   string    // the provider's number of the payment; optional
	RefundNo  string    // the merchant's number of this refund: the handle on it after a lost answer
	Amount    Money     // what goes back, yuan
	Reason    string    // for the provider or the payer; optional with some providers
	NotifyURL string    // where the provider notifies; optional
	CreatedAt time.Time // when the order was sent, for providers that look orders up by time; optional
}

// RefundResult is what a provider says of a refund.
type RefundResult struct {
	OrderNo       string       // the merchant's order number of the payment
	RefundNo      string       // the merchant's number of the refund
	RefundTradeNo string       // the provider's number of the refund
	Status        RefundStatus // what it means
	State         string       // the provider's own word for it
	Amount        Money        // what goes back, yuan; zero if the provider does not say
	Native        any          // the provider's whole reply, such as *fubei.RefundReply
}

// RefundStatus is what became of a refund.
type RefundStatus string

// The states of a refund. The zero RefundStatus is RefundUnknown.
const (
	RefundUnknown RefundStatus = ""         // not proven either way: query
	RefundPending RefundStatus = "pending"  // accepted, not done: query
	RefundDone    RefundStatus = "refunded" // the money went back
	RefundFailed  RefundStatus = "failed"   // it did not, and will not by itself
)

// String returns the status in words.
func (s RefundStatus) String() string {
	if s == RefundUnknown {
		return "unknown"
	}
	return string(s)
}

// Notification is what a provider sent about an order, verified.
//
// Deliveries repeat and overlap, and may arrive before the answer to the call
// that caused them, and not every one is about a payment that succeeded. Book
// by order number, once, and only if the status is [Status.Paid] and
// [Payment.Match] finds the amount right. While [Settle] is at work on the
// order, it has the last word.
type Notification struct {
	Provider string
	Payment  Payment
	Refund   *RefundResult // set if the notification is about a refund
	Native   any           // the provider's whole message, such as *fubei.Notification
}

// Acknowledgement is the answer that a provider reads after a notification.
type Acknowledgement struct {
	Status      int    // HTTP status
	ContentType string // media type
	Body        string // exactly these bytes
}
