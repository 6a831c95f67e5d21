package fufu

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
	"github.com/duopay/duopay/internal/redact"
	"github.com/duopay/duopay/internal/wire"
)

// Code is a return code, the manual's appendix 3.5. The list is open: messages
// may be free text.
type Code string

// The codes, in the provider's spelling.
const (
	CodeSuccess        Code = "SUCCESS"                          // as all tables and samples have it
	CodeSucess         Code = "SUCESS"                           // as the table of codes has it
	CodeFail           Code = "FAIL"                             // see return_msg
	CodeParameter      Code = "ILLEGAL_PARAMETER"                // bad parameter
	CodeSign           Code = "INVALID_SIGN"                     // bad signature
	CodeAmount         Code = "AMT_ERROR"                        // bad amount
	CodeDatabase       Code = "DATABASE_ERROR"                   // database connection
	CodeContract       Code = "INVALID_CONTRACT"                 // contract not in a valid state
	CodeUnregistered   Code = "UNREGISTERED_BUSI"                // merchant not registered
	CodeException      Code = "EXCEPTION"                        // unknown exception
	CodeNonexistent    Code = "CHARGE_NONEXISTENT"               // no such trade
	CodeUnavailable    Code = "SERVICE_UNAVAILABLE"              // service not available
	CodeHTTP           Code = "HTTP_EXCEPTION"                   // HTTP, towards the wallet
	CodeIO             Code = "IO_EXCEPTION"                     // IO
	CodeConnection     Code = "CREATE_SECURITY_CONNECTION_ERROR" // some secure connection failed
	CodeRevoked        Code = "AREADY_REVOKED"                   // order already cancelled; the spelling is the provider's
	CodeAlreadyRevoked Code = "ALREADY_REVOKED"                  // the same, spelled right
	CodeRepeat         Code = "SERIAL_REPEAT"                    // the merchant's number was used before
	CodeSoundwave      Code = "SOUNDWAVE_PARSER_FAIL"            // unreadable payment code; not in the table, but in the samples
)

// Class says what a code proves.
type Class string

// The classes.
const (
	ClassOK              Class = "ok"               // carried out
	ClassRejected        Class = "rejected"         // certainly not carried out
	ClassUnknown         Class = "unknown"          // may have been carried out
	ClassNotFound        Class = "not_found"        // no such trade, as yet
	ClassDuplicate       Class = "duplicate"        // nothing was done now, but maybe before, under the same number
	ClassAlreadyCanceled Class = "already_canceled" // the order is cancelled
)

// Class returns what the code proves. Rejected are only the codes that arise
// before the wallet is called, or say that the payment code is of no use; what
// may come after the money was taken is unknown, and so is every other text.
func (c Code) Class() Class {
	switch c {
	case CodeSuccess, CodeSucess:
		return ClassOK
	case CodeParameter, CodeSign, CodeAmount, CodeContract, CodeUnregistered, CodeSoundwave:
		return ClassRejected
	case CodeRevoked, CodeAlreadyRevoked:
		return ClassAlreadyCanceled
	case CodeRepeat:
		return ClassDuplicate
	case CodeNonexistent:
		return ClassNotFound
	}
	return ClassUnknown
}

// State is the state of an order, the manual's appendix 3.4, as the gateway
// wrote it: a number, or a string that holds one.
type State string

// The states. Those from 10 on are of the orders that the gateway makes of
// refunds and cancels; the manual marks them by a colour.
const (
	StateWaiting        State = "0"  // not paid yet
	StatePaid           State = "1"  // paid
	StateCanceled       State = "2"  // cancelled
	StateCanceling      State = "3"  // a cancel was requested
	StatePartRefunded   State = "4"  // paid, a part was returned
	StateRefunded       State = "5"  // paid, all of it was returned
	StateClosed         State = "6"  // closed; of an order that was paid before: look into it
	StateReserved       State = "7"  // no state, but a filter of queries
	StateRefunding      State = "8"  // paid, a refund is under way
	StateRefundFailed   State = "9"  // paid, a refund failed: the money is still the merchant's
	StateRefundWaiting  State = "10" // of a refund: waiting
	StateRefundDone     State = "11" // of a refund: the money went back
	StateRefundRejected State = "12" // of a refund: failed
	StateRefundOff      State = "13" // of a refund: called off
	StateCancelDone     State = "14" // of a cancel: done
)

// Status returns what the state means for the payment. That of a refund, and
// what is not in the table, means nothing for it.
func (s State) Status() duopay.Status {
	switch s {
	case StateWaiting, StateCanceling:
		return duopay.Pending
	case StatePaid, StateRefunding, StateRefundFailed:
		return duopay.Paid
	case StatePartRefunded:
		return duopay.PartialRefunded
	case StateRefunded:
		return duopay.Refunded
	case StateCanceled, StateCancelDone:
		return duopay.Canceled
	case StateClosed:
		return duopay.Closed
	}
	return duopay.Unknown
}

// UnmarshalJSON takes any JSON value and keeps its text.
func (s *State) UnmarshalJSON(data []byte) error { return (*duopay.Text)(s).UnmarshalJSON(data) }

// RefundState is the state of a refund: trade_status.
type RefundState string

// The states of a refund.
const (
	RefundSucc      RefundState = "succ"
	RefundFail      RefundState = "fail"
	RefundRefunding RefundState = "refunding"
)

// Status returns what the state means.
func (s RefundState) Status() duopay.RefundStatus {
	switch s {
	case RefundSucc:
		return duopay.RefundDone
	case RefundFail:
		return duopay.RefundFailed
	case RefundRefunding:
		return duopay.RefundPending
	}
	return duopay.RefundUnknown
}

// UnmarshalJSON takes any JSON value and keeps its text.
func (s *RefundState) UnmarshalJSON(data []byte) error { return (*duopay.Text)(s).UnmarshalJSON(data) }

// Channel is a payment channel, the manual's appendix 3.2. Answers may have
// others.
type Channel int

// The channels.
const (
	ChannelAuto   Channel = 0 // found from the payer's code, or from the app that scans the QR code
	ChannelAlipay Channel = 1
	ChannelWeChat Channel = 2
)

// String returns the name of the channel.
func (c Channel) String() string {
	switch c {
	case ChannelAuto:
		return "auto"
	case ChannelAlipay:
		return "Alipay"
	case ChannelWeChat:
		return "WeChat"
	}
	return strconv.Itoa(int(c))
}

// Currency is a fee_type. Requests take CNY, THB and HKD; answers may have any.
type Currency string

// The currencies.
const (
	CNY Currency = "CNY" // what a request means that names none
	THB Currency = "THB" // documented for order
	HKD Currency = "HKD" // in the manual's samples of answers
)

// UnmarshalJSON takes any JSON value and keeps its text.
func (c *Currency) UnmarshalJSON(data []byte) error { return (*duopay.Text)(c).UnmarshalJSON(data) }

// Credit is the kind of account that was charged. Answers may have others.
type Credit string

// The kinds of account.
const (
	CreditCard    Credit = "credit"  // credit card
	CreditHuabei  Credit = "pcredit" // Huabei, Alipay only
	CreditDebit   Credit = "debit"   // debit card
	CreditBalance Credit = "balance" // balance
	CreditUnknown Credit = "unknown" // not known
)

// UnmarshalJSON takes any JSON value and keeps its text.
func (c *Credit) UnmarshalJSON(data []byte) error { return (*duopay.Text)(c).UnmarshalJSON(data) }

// Funding is a source of money, the manual's appendix 3.3. No field of this
// interface holds one; it is here for statements and sibling interfaces.
type Funding string

// The sources of money.
const (
	FundingRedPacket    Funding = "00" // Alipay red packet
	FundingBalance      Funding = "10" // Alipay balance
	FundingPrepaid      Funding = "60" // Alipay prepaid card
	FundingPoints       Funding = "30" // Alipay points
	FundingAlipayCredit Funding = "70" // Alipay credit payment
	FundingCoupon       Funding = "40" // discount coupon
	FundingPrepaidCard  Funding = "80" // prepaid card
	FundingCredit       Funding = "90" // consumer credit
	FundingWeChat       Funding = "11" // WeChat payment
	FundingWeChatCoupon Funding = "41" // WeChat cash coupon
)

// String returns the name of the source, or the code itself.
func (f Funding) String() string {
	if name, ok := fundings[f]; ok {
		return name
	}
	return string(f)
}

var fundings = map[Funding]string{
	"00": "Alipay red packet", "10": "Alipay balance", "60": "Alipay prepaid card", "30": "Alipay points", "70": "Alipay credit payment",
	"40": "discount coupon", "80": "prepaid card", "90": "consumer credit", "11": "WeChat payment", "41": "WeChat cash coupon",
}

// head is the beginning of both levels of an answer.
type head struct {
	ReturnCode duopay.Text `json:"return_code"`
	ReturnMsg  duopay.Text `json:"return_msg"`
}

// word matches a return_msg that is a code.
var word = regexp.MustCompile(`\A[A-Z][A-Z0-9_]{2,}\z`)

// code returns the code of a head that does not say success: in return_code, or
// in return_msg behind FAIL.
func (h head) code() Code {
	c, message := Code(h.ReturnCode), string(h.ReturnMsg)
	switch {
	case c != CodeFail && c != "" && c.Class() != ClassOK:
		return c
	case word.MatchString(message):
		return Code(message)
	}
	return c
}

// verdict is what an answer or a notification comes to.
type verdict struct {
	class   Class
	code    Code
	message string
	text    []byte // data as it came
	data    wire.Object
}

// judge classifies an envelope. Its error says that the envelope cannot be
// read, so that nothing is known.
func judge(envelope wire.Object, evidence []string) (verdict, error) {
	result, err := inner(envelope.Get("result"))
	if err != nil || result == nil {
		return verdict{}, errors.New("result is missing or unreadable")
	}
	var said head
	if err := result.Decode(&said); err != nil {
		return verdict{}, fmt.Errorf("result: %w", err)
	}
	data, err := inner(envelope.Get("data"))
	if Code(said.ReturnCode).Class() != ClassOK {
		return said.refusal(data), nil
	}
	if err != nil || data == nil {
		return verdict{}, errors.New("data is missing or unreadable")
	}
	var done head
	if err := data.Decode(&done); err != nil {
		return verdict{}, fmt.Errorf("data: %w", err)
	}
	switch {
	case done.ReturnCode == "" && !fields(data).any(evidence):
		return verdict{}, errors.New("data tells neither of success nor of failure")
	case done.ReturnCode != "" && Code(done.ReturnCode).Class() != ClassOK:
		return done.refusal(data), nil
	}
	return verdict{class: ClassOK, message: string(cmp.Or(done.ReturnMsg, said.ReturnMsg)), text: envelope.Get("data"), data: data}, nil
}

// refusal is the verdict of a head that does not say success. Its words may
// hold the payer's code, which even the answer to a query echoes.
func (h head) refusal(data wire.Object) verdict {
	message := redact.Strike(string(h.ReturnMsg), []string{fields(data).text("auth_code")})
	v := verdict{code: h.code(), message: message, data: data}
	if v.message == string(v.code) {
		v.message = ""
	}
	v.class = v.code.Class()
	if v.class == ClassOK { // a message that reads SUCCESS under a code that does not
		v.class = ClassUnknown
	}
	return v
}

// inner reads a level of an answer, nil if there is none.
func inner(value []byte) (wire.Object, error) {
	if value == nil || string(value) == "null" {
		return nil, nil
	}
	return wire.ReadObject(value)
}

// open classifies an answer. Only what is readable, about the right order, and
// SUCCESS at both levels comes through.
func open(op operation, answer *exchange.Answer, sent fields) (verdict, error) {
	if answer.Status != http.StatusOK {
		return verdict{}, fmt.Errorf("HTTP status %d", answer.Status)
	}
	envelope, err := readReply(answer.Body)
	if err != nil {
		return verdict{}, fmt.Errorf("the answer is unreadable: %w", err)
	}
	v, err := judge(envelope, op.evidence)
	if err != nil {
		return verdict{}, err
	}
	if err := sent.match(v.data); err != nil {
		return verdict{}, err
	}
	if v.class != ClassOK {
		return verdict{}, v.error(op)
	}
	answer.Code = string(CodeSuccess)
	return v, nil
}

// error returns what a class other than ok means for an operation. That a query
// or a cancel is rejected says nothing about the money, and that an order which
// was just sent is not known, even less.
func (v verdict) error(op operation) error {
	e := &duopay.Error{Kind: duopay.Unsure, Code: string(v.code), Message: v.message}
	switch v.class {
	case ClassRejected:
		e.Kind, e.Certain = duopay.Refused, op.moves
	case ClassAlreadyCanceled:
		e.Kind = duopay.Refused
	case ClassNotFound:
		if e.Err = duopay.ErrNotFound; !op.opens() {
			e.Kind = duopay.Refused
		}
	}
	return e
}

// opens reports whether the operation opens the order it names.
func (op operation) opens() bool { return op.name == order.name || op.name == preOrder.name }

// printedPayInfo matches the beginning of a payInfo as the manual prints it: a
// string with quotes in it that are not escaped.
var printedPayInfo = regexp.MustCompile(`"payInfo"\s*:\s*"\{`)

// readReply reads an answer. One that is not JSON gets a second chance, with
// the object in payInfo put in place of the broken string.
func readReply(body []byte) (wire.Object, error) {
	envelope, err := wire.ReadObject(body)
	if err == nil {
		return envelope, nil
	}
	repaired := repair(body)
	if repaired == nil {
		return nil, err
	}
	return wire.ReadObject(repaired)
}

// repair returns an answer with a payInfo that can be read, nil if it has not
// exactly one that can be repaired.
func repair(body []byte) []byte {
	found := printedPayInfo.FindAllIndex(body, 2)
	if len(found) != 1 {
		return nil
	}
	start := found[0][1] - 1 // of the object
	length := bytes.Index(body[start:], []byte(`}"`)) + 1
	if length == 0 {
		return nil
	}
	object := body[start : start+length]
	if _, err := wire.ReadObject(object); err != nil {
		return nil
	}
	return slices.Concat(body[:start-1], object, body[start+length+1:])
}

// fields is what was sent or answered.
type fields wire.Object

// text returns a field as text, "" if it is absent.
func (f fields) text(name string) string { return wire.Object(f).Text(name) }

// any reports whether one of the fields is there.
func (f fields) any(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return f.text(name) != "" })
}

// match compares the numbers in an answer with those that were sent. Answers
// are not signed, so this is part of what makes them believable. Where both
// numbers of an order are sent, the gateway goes by its own, trade_no.
func (f fields) match(data wire.Object) error {
	names := []string{"out_trade_no", "out_refund_no"}
	if f.text("trade_no") != "" && fields(data).text("trade_no") != "" {
		names[0] = "trade_no"
	}
	for _, name := range names {
		asked, answered := f.text(name), fields(data).text(name)
		if asked != "" && answered != "" && asked != answered {
			return fmt.Errorf("%w: %s is %.40q", duopay.ErrOrderMismatch, name, answered)
		}
	}
	return nil
}
