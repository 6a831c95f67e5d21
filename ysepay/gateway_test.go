package ysepay_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/ysepay"
	"github.com/duopay/duopay/ysepay/ysepaytest"
)

// shop is a gateway and the fake behind it, in memory.
func shop(t testing.TB, options ...duopay.Option) (ysepay.Gateway, *ysepaytest.Server) {
	t.Helper()
	server := ysepaytest.NewUnstartedServer()
	return ysepay.Gateway{Client: clientOf(t, server, server.Transport(), ysepay.SM, options...)}, server
}

func order(no string) duopay.Order {
	return duopay.Order{
		OrderNo: no, Amount: duopay.MustMoney("30.50"), Subject: "端午礼盒", Channel: duopay.Alipay, Buyer: "2088000000000001",
		NotifyURL: "https://pay.example.com/n", Attach: "a=1&b=2",
	}
}

var formHeader = http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=UTF-8"}}

// An order without parts becomes a combined order of one: opened, paid, queried,
// notified.
func TestGatewayPrepare(t *testing.T) {
	gateway, server := shop(t)
	ctx, no := t.Context(), today("DP1")
	prepared, err := gateway.Prepare(ctx, order(no))
	require.NoError(t, err)
	book, ok := server.Order(no)
	require.True(t, ok)
	assert.Equal(t, no, prepared.OrderNo)
	assert.Equal(t, book.TradeNo, prepared.TradeNo)
	assert.JSONEq(t, `{"tradeNO":"`+book.PayNo+`"}`, string(prepared.PageData))
	assert.IsType(t, &ysepay.PayReply{}, prepared.Native)
	require.Len(t, book.SubOrders, 1)
	assert.Equal(t, []string{no + "-1", server.PartnerID, server.PartnerID},
		[]string{book.SubOrders[0].OrderNo, book.SubOrders[0].SellerID, book.SellerID})
	assert.EqualValues(t, 3050, book.SubOrders[0].AmountFen)
	assert.Equal(t, today(""), book.ShopDate)
	assert.WithinDuration(t, time.Now().Add(7*24*time.Hour), book.ExpiresAt, time.Minute)

	reference := duopay.Reference{OrderNo: no, Amount: duopay.MustMoney("30.50")}
	found, err := gateway.Query(ctx, reference)
	require.NoError(t, err)
	assert.Equal(t, duopay.Pending, found.Status)

	require.NoError(t, server.Pay(no))
	found, err = gateway.Query(ctx, reference)
	require.NoError(t, err)
	book, _ = server.Order(no)
	native, ok := found.Native.(*ysepay.Order)
	require.True(t, ok)
	assert.True(t, book.PaidAt.Truncate(time.Second).Equal(found.PaidAt))
	found.PaidAt = time.Time{}
	assert.Equal(t, duopay.Payment{
		OrderNo: no, TradeNo: book.TradeNo, ChannelTradeNo: book.PayNo, Status: duopay.Paid, State: "TRADE_SUCCESS",
		Amount: duopay.MustMoney("30.50"), Received: duopay.MustMoney("30.50"), Attach: "a=1&b=2", Native: native,
	}, found)
	require.NoError(t, found.Match(reference))

	_, err = gateway.Query(ctx, duopay.Reference{OrderNo: no, TradeNo: "AN_OLD_NOTE"})
	require.NoError(t, err, "the merchant's number is the one that counts")
	found, err = gateway.Query(ctx, duopay.Reference{TradeNo: book.TradeNo, CreatedAt: day()})
	require.NoError(t, err)
	assert.Equal(t, no, found.OrderNo)
	found, err = gateway.Query(ctx, duopay.Reference{OrderNo: no, Amount: duopay.MustMoney("3.05")})
	require.ErrorIs(t, err, duopay.ErrAmountMismatch)
	assert.Equal(t, duopay.Unknown, found.Status)
	assert.NotNil(t, found.Native)
	_, err = gateway.Query(ctx, duopay.Reference{OrderNo: today("NONE")})
	require.ErrorIs(t, err, duopay.ErrNotFound)
	require.ErrorIs(t, err, duopay.Refused)
}

// The hooks come last and may change anything; fields say what the neutral words
// leave out.
func TestGatewayFields(t *testing.T) {
	gateway, server := shop(t)
	no := today("DP1")
	gateway.SellerID = "dp_seller_a"
	gateway.Timeout = "2h"
	gateway.SubOrders = []ysepay.SubOrder{
		{OrderNo: "apples", Amount: duopay.MustMoney("10"), SellerID: "dp_seller_a"},
		{OrderNo: "pears", Amount: duopay.MustMoney("20.5"), SellerID: "dp_seller_b"},
	}
	gateway.EditPay = func(r *ysepay.PayRequest) {
		r.SubOrders[0].SellerID, r.SellerID = "dp_seller_c", "dp_seller_c"
		r.TranType = ysepay.TranEscrow
	}
	_, err := gateway.Prepare(t.Context(), order(no))
	require.NoError(t, err)
	assert.Equal(t, "dp_seller_a", gateway.SubOrders[0].SellerID, "the merchant's own are not changed")
	book, _ := server.Order(no)
	require.Len(t, book.SubOrders, 2)
	assert.Equal(t, []string{"dp_seller_c", "dp_seller_b"}, []string{book.SubOrders[0].SellerID, book.SubOrders[1].SellerID})
	assert.Contains(t, string(server.Requests(ysepaytest.MethodPay)[0].Body), "&tran_type=2&")
	assert.WithinDuration(t, time.Now().Add(2*time.Hour), book.ExpiresAt, time.Minute)

	short := order(today("DP2"))
	short.ExpiresAt = time.Now().Add(time.Hour + 30*time.Second)
	gateway.SubOrders, gateway.EditPay = nil, nil
	_, err = gateway.Prepare(t.Context(), short)
	require.NoError(t, err)
	book, _ = server.Order(today("DP2"))
	assert.WithinDuration(t, time.Now().Add(time.Hour), book.ExpiresAt, time.Minute)
	assert.Equal(t, "dp_seller_a", book.SubOrders[0].SellerID)
}

// An unclear answer: no page data, but the reply, if it verified.
func TestGatewayPrepareUnclear(t *testing.T) {
	gateway, server := shop(t)
	for fault, native := range map[*ysepaytest.Fault]bool{
		&ysepaytest.WithoutPayInfo: true, &ysepaytest.WrongAmount: true, &ysepaytest.WithoutState: true,
		&ysepaytest.Unsigned: false, &ysepaytest.OtherOrder: false, &ysepaytest.DropAfter: false,
	} {
		server.Next(ysepaytest.MethodPay, *fault)
		no := today(strings.ReplaceAll(fault.String(), " ", "-"))
		prepared, err := gateway.Prepare(t.Context(), order(no))
		require.ErrorIs(t, err, duopay.Unsure)
		assert.Equal(t, no, prepared.OrderNo)
		assert.Empty(t, prepared.PageData)
		assert.Equal(t, native, prepared.Native != nil, fault.String())
		found, err := gateway.Query(t.Context(), duopay.Reference{OrderNo: no})
		require.NoError(t, err, "the order is there all the same")
		assert.Equal(t, duopay.Pending, found.Status)
	}
	_, err := gateway.Prepare(t.Context(), order(today("unsigned")))
	require.ErrorIs(t, err, duopay.Refused, "the number is used")
	var e *duopay.Error
	require.ErrorAs(t, err, &e)
	assert.False(t, e.Certain, "and that does not prove that nothing was done")
	assert.Equal(t, []string{"40004", "ACQ.TRADE_HAS_EXISTED"}, []string{e.Code, e.SubCode})
}

// Every state of an order, as a query tells it.
func TestGatewayStates(t *testing.T) {
	gateway, server := shop(t)
	no := today("DP1")
	_, err := gateway.Prepare(t.Context(), order(no))
	require.NoError(t, err)
	for _, state := range []struct {
		word   string
		status duopay.Status
	}{
		{"TRADE_PROCESS", duopay.Pending},
		{"TRADE_ABNORMALITY", duopay.Pending},
		{"TRADE_CLOSED", duopay.Closed},
		{"TRADE_FAILD", duopay.Failed},
		{"WAIT_SELLER_SEND_GOODS", duopay.Pending},
		{"TRADE_UNDEPOSIT", duopay.Paid},
		{"TRADE_SUCCESS", duopay.Paid},
	} {
		require.NoError(t, server.SetState(no, state.word))
		found, err := gateway.Query(t.Context(), duopay.Reference{OrderNo: no})
		require.NoError(t, err)
		assert.Equal(t, state.status, found.Status, state.word)
		assert.Equal(t, state.word, found.State)
	}
	server.Next(ysepaytest.MethodQuery, thrice(ysepaytest.State("TRADE_NEW"))...)
	found, err := gateway.Query(t.Context(), duopay.Reference{OrderNo: no})
	require.ErrorIs(t, err, duopay.Unsure)
	assert.Equal(t, duopay.Unknown, found.Status)
	assert.Equal(t, "TRADE_NEW", found.State)
}

func TestGatewayClose(t *testing.T) {
	gateway, server := shop(t)
	ctx, no := t.Context(), today("DP1")
	_, err := gateway.Prepare(ctx, order(no))
	require.NoError(t, err)
	server.Next(ysepaytest.MethodClose, ysepaytest.DropBefore)
	closing, err := gateway.Close(ctx, duopay.Reference{OrderNo: no})
	require.ErrorIs(t, err, duopay.Unsure)
	assert.Equal(t, duopay.Payment{OrderNo: no}, closing)
	assert.Len(t, server.Requests(ysepaytest.MethodClose), 1, "a close is not repeated")
	closing, err = gateway.Close(ctx, duopay.Reference{OrderNo: no})
	require.NoError(t, err)
	assert.Equal(t, duopay.Pending, closing.Status, "believe only a query")
	found, err := gateway.Query(ctx, duopay.Reference{OrderNo: no})
	require.NoError(t, err)
	assert.Equal(t, duopay.Closed, found.Status)

	paid := today("DP2")
	_, err = gateway.Prepare(ctx, order(paid))
	require.NoError(t, err)
	require.NoError(t, server.Pay(paid))
	book, _ := server.Order(paid)
	_, err = gateway.Close(ctx, duopay.Reference{TradeNo: book.TradeNo, CreatedAt: day()})
	require.ErrorIs(t, err, duopay.Refused, "it is paid")
}

func TestGatewayRefund(t *testing.T) {
	gateway, server := shop(t)
	ctx, no := t.Context(), today("DP1")
	_, err := gateway.Prepare(ctx, order(no))
	require.NoError(t, err)
	require.NoError(t, server.Pay(no))

	server.SlowRefund(2)
	first := duopay.Refund{OrderNo: no, RefundNo: "RF1", Amount: duopay.MustMoney("10"), Reason: "少发一件", NotifyURL: "https://pay.example.com/r"}
	result, err := gateway.Refund(ctx, first)
	require.NoError(t, err)
	assert.Equal(t, duopay.RefundPending, result.Status, "accepted is not refunded")
	assert.NotEmpty(t, result.RefundTradeNo)
	assert.Equal(t, no, result.OrderNo)
	assert.Equal(t, first.Amount, result.Amount)
	for _, status := range []duopay.RefundStatus{duopay.RefundPending, duopay.RefundDone, duopay.RefundDone} {
		result, err = gateway.QueryRefund(ctx, first)
		require.NoError(t, err)
		assert.Equal(t, status, result.Status)
	}
	assert.Equal(t, "success", result.State)
	found, err := gateway.Query(ctx, duopay.Reference{OrderNo: no})
	require.NoError(t, err)
	assert.Equal(t, duopay.PartialRefunded, found.Status)

	server.FailRefund()
	second := first
	second.RefundNo, second.Amount = "RF2", duopay.MustMoney("20.5")
	_, err = gateway.Refund(ctx, second)
	require.NoError(t, err)
	result, err = gateway.QueryRefund(ctx, second)
	require.NoError(t, err)
	assert.Equal(t, duopay.RefundFailed, result.Status)

	server.ManualRefund()
	third := second
	third.RefundNo = "RF3"
	_, err = gateway.Refund(ctx, third)
	require.NoError(t, err)
	result, err = gateway.QueryRefund(ctx, third)
	require.NoError(t, err)
	assert.Equal(t, duopay.RefundPending, result.Status, "money may still move")
	require.NoError(t, server.SettleRefund("RF3", "fail_due_manual_close"))
	result, err = gateway.QueryRefund(ctx, third)
	require.NoError(t, err)
	assert.Equal(t, duopay.RefundFailed, result.Status)

	more := second
	more.RefundNo, more.Amount = "RF4", duopay.MustMoney("20.51")
	result, err = gateway.Refund(ctx, more)
	require.ErrorIs(t, err, duopay.Refused, "more than is left")
	assert.Equal(t, duopay.RefundUnknown, result.Status)
	_, err = gateway.QueryRefund(ctx, more)
	require.ErrorIs(t, err, duopay.ErrNotFound)

	// The answer is lost, the refund is not: ask, or repeat with the same number.
	server.Next(ysepaytest.MethodRefund, ysepaytest.DropAfter)
	last := second
	last.RefundNo = "RF5"
	result, err = gateway.Refund(ctx, last)
	require.ErrorIs(t, err, duopay.Unsure)
	assert.Equal(t, duopay.RefundUnknown, result.Status)
	_, err = gateway.Refund(ctx, last)
	require.NoError(t, err)
	result, err = gateway.QueryRefund(ctx, last)
	require.NoError(t, err)
	assert.Equal(t, duopay.RefundDone, result.Status)
	last.Amount = duopay.MustMoney("1")
	result, err = gateway.QueryRefund(ctx, last)
	require.ErrorIs(t, err, duopay.ErrAmountMismatch)
	assert.Equal(t, duopay.RefundUnknown, result.Status)
	assert.NotNil(t, result.Native)

	book, _ := server.Order(no)
	assert.EqualValues(t, 3050, book.ReturnedFen, "once")
	found, err = gateway.Query(ctx, duopay.Reference{OrderNo: no})
	require.NoError(t, err)
	assert.Equal(t, duopay.Refunded, found.Status)
}

// A refund of one part of several, with a date that its number does not have.
func TestGatewayRefundOfAPart(t *testing.T) {
	gateway, server := shop(t)
	ctx, no := t.Context(), today("DP1")
	selling := gateway
	selling.SubOrders = []ysepay.SubOrder{
		{OrderNo: "apples", Amount: duopay.MustMoney("10"), SellerID: "dp_seller_a"},
		{OrderNo: "pears", Amount: duopay.MustMoney("20.5"), SellerID: "dp_seller_b"},
	}
	_, err := selling.Prepare(ctx, order(no))
	require.NoError(t, err)
	require.NoError(t, server.Pay(no))
	gateway.SubOrderNo = "pears"
	gateway.EditRefund = func(r *ysepay.RefundRequest) { r.Reason = "changed" }
	refund := duopay.Refund{OrderNo: no, RefundNo: "RF1", Amount: duopay.MustMoney("20.5"), Reason: "x"}
	_, err = gateway.Refund(ctx, refund)
	require.NoError(t, err)
	result, err := gateway.QueryRefund(ctx, refund)
	require.NoError(t, err)
	assert.Equal(t, duopay.RefundDone, result.Status)
	refund.OrderNo, refund.CreatedAt = "", day()
	_, err = gateway.QueryRefund(ctx, refund)
	require.NoError(t, err)
	book, _ := server.Order(no)
	assert.Equal(t, []int64{0, 2050}, []int64{book.SubOrders[0].ReturnedFen, book.SubOrders[1].ReturnedFen})
	assert.Equal(t, "changed", book.SubOrders[1].Refunds[0].Reason)
}

// What the fake sends, through both families, in all variants.
func TestGatewayNotification(t *testing.T) {
	for _, signType := range []ysepay.SignType{ysepay.RSA, ysepay.SM} {
		t.Run(string(signType), func(t *testing.T) {
			server := ysepaytest.NewUnstartedServer()
			gateway := ysepay.Gateway{Client: clientOf(t, server, server.Transport(), signType)}
			no := today("DP1")
			_, err := gateway.Prepare(t.Context(), order(no))
			require.NoError(t, err)
			require.NoError(t, server.Pay(no))
			read := func(variants ...ysepaytest.Variant) (duopay.Notification, error) {
				body, err := server.Notification(no, variants...)
				require.NoError(t, err)
				return gateway.ParseNotification(http.MethodPost, nil, formHeader, []byte(body))
			}
			reference := duopay.Reference{OrderNo: no, Amount: duopay.MustMoney("30.50")}

			n, err := read()
			require.NoError(t, err)
			require.NoError(t, n.Payment.Match(reference))
			assert.Equal(t, duopay.Paid, n.Payment.Status)
			assert.Equal(t, "TRADE_SUCCESS", n.Payment.State)
			assert.Equal(t, "a=1&b=2", n.Payment.Attach)
			assert.Equal(t, "ysepay", n.Provider)
			native, ok := n.Native.(*ysepay.Notification)
			require.True(t, ok)
			assert.WithinDuration(t, time.Now(), native.SentAt(), time.Minute)
			assert.Equal(t, "2088000000000001", native.Fields["buyer_user_id"])

			n, err = read(ysepaytest.WithoutAmount)
			require.NoError(t, err)
			require.ErrorIs(t, n.Payment.Match(reference), duopay.ErrAmountMismatch, "query before booking")

			for variant, reason := range map[ysepaytest.Variant]error{
				ysepaytest.Forged: ysepay.ErrSignature, ysepaytest.AmountChanged: ysepay.ErrSignature, ysepaytest.FieldAdded: ysepay.ErrSignature,
				ysepaytest.FieldTwice: ysepay.ErrDuplicateField, ysepaytest.WithoutSign: ysepay.ErrUnsigned,
				ysepaytest.OtherSignType: ysepay.ErrSignType, ysepaytest.OtherType: ysepay.ErrNotifyType,
			} {
				n, err := read(variant)
				require.ErrorIs(t, err, reason)
				require.ErrorIs(t, err, duopay.Unsure)
				assert.Zero(t, n)
				assert.Equal(t, duopay.Acknowledgement{Status: 400, ContentType: "text/plain; charset=utf-8", Body: "fail"}, gateway.Acknowledge(err))
			}

			refund := duopay.Refund{OrderNo: no, RefundNo: "RF1", Amount: duopay.MustMoney("10"), Reason: "x"}
			_, err = gateway.Refund(t.Context(), refund)
			require.NoError(t, err)
			_, err = gateway.QueryRefund(t.Context(), refund)
			require.NoError(t, err)
			body, err := server.RefundNotification("RF1")
			require.NoError(t, err)
			n, err = gateway.ParseNotification(http.MethodPost, nil, formHeader, []byte(body))
			require.NoError(t, err)
			require.NotNil(t, n.Refund)
			assert.Equal(t, duopay.Unknown, n.Payment.Status, "it says nothing about the payment")
			assert.Equal(t, []any{no + "-1", "RF1", duopay.RefundDone, refund.Amount}, []any{n.Refund.OrderNo, n.Refund.RefundNo, n.Refund.Status, n.Refund.Amount})
		})
	}
}

// The whole day in GBK, and nothing is lost on the way.
func TestGBK(t *testing.T) {
	server := ysepaytest.NewUnstartedServer()
	given := configOf(t, server, ysepay.RSA)
	given.Charset = ysepay.GBK
	client, err := ysepay.New(given, duopay.WithHTTPClient(&http.Client{Transport: server.Transport()}))
	require.NoError(t, err)
	gateway := ysepay.Gateway{Client: client}
	no := today("DP1")
	ordered := order(no)
	ordered.Subject, ordered.Attach = "誠運粽子", "渠道=誠&=\\"
	_, err = gateway.Prepare(t.Context(), ordered)
	require.NoError(t, err)
	book, _ := server.Order(no)
	assert.Equal(t, "誠運粽子", book.Subject)
	require.NoError(t, server.Pay(no))
	found, err := gateway.Query(t.Context(), duopay.Reference{OrderNo: no, Amount: ordered.Amount})
	require.NoError(t, err)
	assert.Equal(t, ordered.Attach, found.Attach)
	body, err := server.Notification(no)
	require.NoError(t, err)
	n, err := gateway.ParseNotification(http.MethodPost, nil, formHeader, []byte(body))
	require.NoError(t, err)
	assert.Equal(t, ordered.Attach, n.Payment.Attach)
	_, err = gateway.Query(t.Context(), duopay.Reference{OrderNo: today("NONE")})
	require.ErrorIs(t, err, duopay.ErrNotFound)
	assert.Contains(t, err.Error(), "查询无记录")
}

// One client, many goroutines.
func TestConcurrency(t *testing.T) {
	gateway, server := shop(t)
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() { // where require must not be called: it ends the test's own goroutine
			no := today("DP" + string(rune('A'+i%26)) + string(rune('a'+i/26)))
			prepared, err := gateway.Prepare(t.Context(), order(no))
			assert.Equal(t, no, prepared.OrderNo, "%v", err)
			if !assert.NoError(t, server.Pay(no)) { //nolint:testifylint // see above
				return
			}
			found, err := gateway.Query(t.Context(), duopay.Reference{OrderNo: no, Amount: duopay.MustMoney("30.5")})
			assert.Equal(t, duopay.Paid, found.Status, "%v", err)
			body, err := server.Notification(no)
			assert.NotEmpty(t, body, "%v", err)
			n, err := gateway.ParseNotification(http.MethodPost, nil, formHeader, []byte(body))
			assert.Equal(t, no, n.Payment.OrderNo, "%v", err)
		})
	}
	group.Wait()
	assert.Len(t, server.Orders(), 64)
}

// signature matches what a signature looks like, in base64 or in a form.
var signature = regexp.MustCompile(`[A-Za-z0-9+/%]{80,}`)

// With every secret marked, none shows up anywhere but on the wire.
func TestSecretsStayInside(t *testing.T) {
	const buyer, word = "2088SECRETBUYER", "PASS-WORD-1"
	var log bytes.Buffer
	server := ysepaytest.NewUnstartedServer()
	leaky := roundTrip(func(r *http.Request) (*http.Response, error) {
		body := new(bytes.Buffer)
		_, _ = body.ReadFrom(r.Body)
		return nil, errors.New("cannot post " + r.URL.String() + " " + body.String())
	})
	logger := duopay.WithLogger(jsonLogger(&log))
	neutral := order(today("DP1"))
	neutral.Buyer = buyer
	request := twoSellers(today("DP2"))
	request.BuyerID = buyer
	_, err := ysepay.LoadKey(golden(t, "keys/merchant_rsa_modern.pfx"), duopay.NewSecret(word))
	require.Error(t, err)
	shown := []any{request, &request, struct{ R ysepay.PayRequest }{request}, err}
	for _, signType := range []ysepay.SignType{ysepay.RSA, ysepay.SM} {
		given := configOf(t, server, signType)
		shown = append(shown, given, &given, given.Key, *given.Key, struct{ config ysepay.Config }{given})
		for _, transport := range []http.RoundTripper{server.Transport(), leaky} {
			c, err := ysepay.New(given, logger, duopay.WithHTTPClient(&http.Client{Transport: transport}), duopay.WithAttempts(1))
			require.NoError(t, err)
			gateway := ysepay.Gateway{Client: c}
			shown = append(shown, c, gateway, &gateway)
			echo := ysepaytest.Refuse("40004", "买家 "+buyer, "ACQ."+buyer, "无效 "+buyer)
			for _, fault := range []ysepaytest.Fault{echo, ysepaytest.State(buyer), ysepaytest.DropAfter, ysepaytest.Garbage, ysepaytest.WrongSignature, ysepaytest.OtherOrder} {
				server.Next(ysepaytest.MethodPay, fault)
				_, err := c.Pay(t.Context(), request)
				require.Error(t, err)
				shown = append(shown, err)
				server.Next(ysepaytest.MethodPay, fault)
				_, err = gateway.Prepare(t.Context(), neutral)
				require.Error(t, err)
				shown = append(shown, err)
			}
			_, err = c.Pay(t.Context(), ysepay.PayRequest{BuyerID: buyer + strings.Repeat(" ", 100)})
			require.ErrorIs(t, err, duopay.Invalid)
			shown = append(shown, err)
			_, err = c.ParseNotification(http.MethodPost, formHeader, []byte("sign_type=RSA&sign="+base64.StdEncoding.EncodeToString([]byte(strings.Repeat(word, 20)))))
			require.Error(t, err)
			shown = append(shown, err)
		}
	}
	text, err := (&ysepay.Client{}).MarshalJSON()
	require.NoError(t, err)
	shown = append(shown, string(text))
	for _, v := range shown {
		for _, text := range forms(v) {
			assert.NotContains(t, text, buyer)
			assert.NotContains(t, text, word)
			assert.NotRegexp(t, signature, text)
			assert.NotContains(t, text, "PRIVATE KEY")
			assert.NotContains(t, text, "ysepay.invalid/")
		}
	}
	require.NotEmpty(t, log.String())
	assert.NotContains(t, log.String(), buyer)
	assert.NotRegexp(t, signature, log.String())
	assert.NotContains(t, log.String(), "://")
	assert.Contains(t, log.String(), `"provider":"ysepay","operation":"ysepay.online.combine.alijsapi.pay","order_no":"`+today("DP2")+`","attempt":1`)
}
