package fufutest

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

// Values of channel_type, besides 0 for "find out".
const (
	channelAlipay = 1
	channelWeChat = 2
)

// The operations. Each reads all its fields before it does anything, and is
// called with s.mu held.

func (s *Server) order(in *fields) (object, error) {
	in.require("total_fee", "channel_type", "auth_code", "out_trade_no", "pay_subject", "fee_type")
	o := readOrder(in, OpOrder)
	o.authCode = in.number("auth_code", 100)
	// The manual lists both and says that they are not used.
	in.whole("discount_amount", 0, maxFen)
	in.whole("undiscount_amount", 0, maxFen)
	if err := in.done(); err != nil {
		return nil, err
	}

	if err := s.unused(o.OrderNo); err != nil {
		return nil, err
	}
	if o.Channel == 0 {
		o.Channel = channelOf(o.authCode)
	}
	if o.Channel == 0 || s.book.codes[o.authCode] {
		return nil, failed("SOUNDWAVE_PARSER_FAIL", "auth_code used before, or of no known channel")
	}
	s.book.codes[o.authCode] = true
	now := s.clock.Now()
	o.expires = now.Add(orderLife)
	s.enter(o, now)
	if o.password = s.plan.passwords.Pop(0); o.password == 0 {
		o.pay(now)
	}
	return o.reply(o.money("total_fee", "trans_amount_cny", o.AmountFen)), nil
}

func (s *Server) preOrder(in *fields) (object, error) {
	in.require("total_fee", "channel_type", "out_trade_no", "pay_subject", "fee_type")
	o := readOrder(in, OpPreOrder)
	o.notifyURL = in.link("notifyUrl", 256)
	in.text("auth_code", 100) // not in the manual's table, but in its sample
	minutes, said := in.whole("time_expire", 1, 1440)
	life := preOrderLife
	if said {
		life = time.Duration(minutes) * time.Minute
	}
	qrCode, subAppID := readTrade(in, o)
	if err := in.done(); err != nil {
		return nil, err
	}

	if err := s.unused(o.OrderNo); err != nil {
		return nil, err
	}
	now := s.clock.Now()
	o.expires = now.Add(life)
	s.enter(o, now)
	reply := object{{"out_trade_no", o.OrderNo}, {"trade_no", o.TradeNo}}
	switch {
	case qrCode:
		reply = append(reply, field{"qr_code", s.qrCode(o)})
	case o.Channel == channelAlipay:
		reply = append(reply, field{"prePayId", o.channelTradeNo()})
	default:
		reply = append(reply, field{"payInfo", quoted(o.payInfo(subAppID))})
	}
	return append(reply, field{"time_zone", optional(o.timeZone)}), nil
}

// readTrade reads how a preOrder is to be paid. The trap in the manual: without
// trade_type it is JSAPI.
func readTrade(in *fields, o *order) (qrCode bool, subAppID string) {
	qrCode = in.choice("trade_type", "QRCODE", "JSAPI") == "QRCODE"
	in.text("openId", 128)
	subAppID = in.text("subAppId", 32)
	switch {
	case qrCode:
	case o.Channel == 0:
		in.fail("channel_type", "0 is for trade_type QRCODE; JSAPI, the default, needs 1 or 2")
	case o.Channel == channelWeChat:
		in.require("openId", "subAppId")
	default:
		in.require("openId")
	}
	return qrCode, subAppID
}

// readOrder reads what all new orders have in common.
func readOrder(in *fields, op string) *order {
	o := &order{Order: Order{Op: op, State: StateWaiting}}
	o.operatorID = in.text("operator_id", 32)
	o.terminalID = in.text("terminal_id", 32)
	o.merchantParam = in.encoded("merchant_param", 127)
	in.text("store_id", 32)
	o.AmountFen = in.amount("total_fee")
	channel, _ := in.whole("channel_type", 0, 2)
	o.Channel = int(channel)
	o.OrderNo = in.number("out_trade_no", 50)
	in.text("pay_subject", 100)
	o.Currency = in.currency("fee_type")
	o.timeZone = in.text("time_zone", 64)
	return o
}

func (s *Server) unused(orderNo string) error {
	if s.book.index["out_trade_no="+orderNo] != nil {
		return failed("SERIAL_REPEAT", "out_trade_no %s", orderNo)
	}
	return nil
}

func (s *Server) enter(o *order, now time.Time) {
	s.book.enter(o, now)
	o.hidden = s.plan.hidings.Pop(0)
}

// channelOf tells the payer's app from a code, 0 if it cannot be told.
func channelOf(code string) int {
	plain := strings.Trim(code, "0123456789") == ""
	switch {
	case plain && len(code) == 18 && "10" <= code[:2] && code[:2] <= "15":
		return channelWeChat
	case plain && 16 <= len(code) && len(code) <= 24 && "25" <= code[:2] && code[:2] <= "30":
		return channelAlipay
	}
	return 0
}

func (s *Server) qrCode(o *order) string {
	return fmt.Sprintf("https://fufu.invalid/online/pay/?id=%s&tradeNo=%s&price=%s",
		url.QueryEscape(s.BusiID), o.TradeNo, sandbox.Yuan(o.AmountFen))
}

// channelTradeNo is the channel's number, of 28 digits.
func (o *order) channelTradeNo() string {
	day := o.CreatedAt.In(beijing).Format("20060102")
	if o.Channel == channelWeChat {
		return fmt.Sprintf("4200000000%s%010d", day, o.serial)
	}
	return fmt.Sprintf("%s21001004%012d", day, o.serial)
}

// payInfo is what WeChat's own page is to be called with.
func (o *order) payInfo(subAppID string) object {
	ms := strconv.FormatInt(o.CreatedAt.UnixMilli(), 10)
	return object{
		{"appId", subAppID},
		{"timeStamp", ms},
		{"status", "0"},
		{"signType", "MD5"},
		{"package", "prepay_id=wx" + o.TradeNo},
		{"callback_url", null},
		{"nonceStr", ms},
		{"paySign", strings.ToUpper(digest([]byte(o.TradeNo), "", ms))},
	}
}

// reply is an order as order and query tell it, each with its own amounts, in
// the manual's order.
func (o *order) reply(money object) object {
	paid := !o.PaidAt.IsZero()
	return slices.Concat(object{
		{"channel_type", channelType(o.Channel)},
		{"out_trade_no", o.OrderNo},
		{"trade_no", o.TradeNo},
		{"channel_trade_no", when(paid, o.channelTradeNo())},
		{"phone_code", when(paid, o.phoneCode())},
		{"auth_code", optional(o.authCode)},
		{"merchant_param", optional(o.merchantParam)},
		{"operator_id", optional(o.operatorID)},
		{"terminal_id", optional(o.terminalID)},
		{"begin_time", clock(o.CreatedAt)},
		{"end_time", clock(o.ended)},
	}, money, object{
		{"state", int64(o.State)},
		{"credit", when(paid, "balance")},
		{"time_zone", optional(o.timeZone)},
	})
}

// channelType is a string in every sample, though not in the tables.
func channelType(channel int) string { return strconv.Itoa(channel) }

func (o *order) phoneCode() string { return fmt.Sprintf("1755802125%s", o.TradeNo) }

// clock writes a time of day, or a field that is left out for the zero time.
func clock(t time.Time) any { return when(!t.IsZero(), t.In(beijing).Format(wireTime)) }

// money are the fields of an amount of this order: in its currency, and in
// yuan if that is another. Without an amount only the currency is told.
func (o *order) money(name, yuanName string, fen int64) object {
	foreign := o.Currency != "CNY"
	rate := rateOf(o.Currency)
	return object{
		{name, when(fen > 0, fen)},
		{"fee_type", o.Currency},
		{"exchange_rate", when(foreign, fmt.Sprintf("%d.%04d", rate/10_000, rate%10_000))},
		{yuanName, when(foreign && fen > 0, inYuan(fen, rate))},
	}
}

// inYuan changes money, to at least one fen.
func inYuan(fen, rate int64) int64 { return max(1, (fen*rate+5_000)/10_000) }

// rateOf is what one of a currency is worth, in ten-thousandths of a yuan.
func rateOf(currency string) int64 {
	switch currency {
	case "HKD":
		return 9137
	case "THB":
		return 2183
	}
	return 10_000
}

// find reads the names, of which at least one must be there, and nothing more,
// and looks the order up by the first of them that is.
func (s *Server) find(in *fields, names ...string) (*order, error) {
	var name, number string
	for _, each := range names {
		if text := in.number(each, 50); number == "" {
			name, number = each, text
		}
	}
	if number == "" {
		in.fail("out_trade_no", "missing, and no trade_no either")
	}
	if err := in.done(); err != nil {
		return nil, err
	}
	o := s.book.find(name, number, s.clock.Now())
	if o == nil || !o.look() {
		return nil, failed("CHARGE_NONEXISTENT", "%s %s", name, number)
	}
	return o, nil
}

func (s *Server) query(in *fields) (object, error) {
	in.require("out_trade_no")
	in.text("time_zone", 64)
	o, err := s.find(in, "trade_no", "out_trade_no")
	if err != nil {
		return nil, err
	}
	o.queried(s.clock.Now())
	// The manual's table has the amount that was given back and its sample has
	// none at all: the amount of the order is for [WithAmount].
	money := append(o.money("refund_fee", "refund_amount_cny", o.ReturnedFen),
		field{"total_fee", unsaid(o.AmountFen)},
		field{"trans_amount_cny", when(o.Currency != "CNY", unsaid(inYuan(o.AmountFen, rateOf(o.Currency))))})
	return o.reply(money), nil
}

// readClerk reads who asks, which refund, cancel, close and refundQuery want to
// know.
func readClerk(in *fields) (operatorID, terminalID, timeZone string) {
	in.require("operator_id", "terminal_id")
	return in.text("operator_id", 32), in.text("terminal_id", 32), in.text("time_zone", 64)
}

func (s *Server) cancel(in *fields) (object, error) {
	in.require("out_trade_no")
	_, _, timeZone := readClerk(in)
	o, err := s.find(in, "trade_no", "out_trade_no")
	if err != nil {
		return nil, err
	}
	now := s.clock.Now()
	hour := now.In(beijing).Hour()
	switch {
	case o.Op != OpOrder:
		return nil, failed("订单类型不符", "a preOrder is closed, not canceled")
	case o.State == StateCanceled:
		return nil, failed(codeCanceled, "")
	case o.State == StateCanceling:
		return nil, failed("订单撤销中", "")
	case o.State != StateWaiting:
		return nil, failed("订单已支付", "state %d", o.State)
	case hour < 1 || hour >= 23:
		return nil, failed("撤销时间为1:00至23:00", "it is %s in Beijing", now.In(beijing).Format(time.TimeOnly))
	case now.Sub(o.CreatedAt) < 15*time.Second:
		return nil, failed("订单创建15秒后才可撤销", "it is %v old", now.Sub(o.CreatedAt))
	}
	if queries := s.plan.cancels.Pop(0); queries != 0 {
		o.State, o.canceling = StateCanceling, queries
	} else {
		o.end(StateCanceled, now)
	}
	return object{{"time_zone", optional(timeZone)}}, nil
}

func (s *Server) close(in *fields) (object, error) {
	in.require("out_trade_no")
	_, _, timeZone := readClerk(in)
	o, err := s.find(in, "out_trade_no")
	if err != nil {
		return nil, err
	}
	switch {
	case o.Op != OpPreOrder:
		return nil, failed("订单类型不符", "an order is canceled, not closed")
	case o.State == StateCanceled:
		return nil, failed(codeCanceled, "")
	case o.State == StateClosed:
		return nil, failed("订单已关闭", "")
	case o.State != StateWaiting:
		return nil, failed("订单已支付", "state %d", o.State)
	}
	o.end(StateClosed, s.clock.Now())
	return object{
		{"out_trade_no", o.OrderNo},
		{"trade_no", o.TradeNo},
		{"time_zone", optional(timeZone)},
	}, nil
}
