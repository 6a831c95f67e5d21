package guanaitong_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/guanaitong"
	"github.com/duopay/duopay/guanaitong/guanaitongtest"
)

// The four kinds of answer to a pay call, each way they come.
func TestPayAnswers(t *testing.T) {
	for _, test := range []struct {
		name    string
		fault   guanaitongtest.Fault
		kind    duopay.Kind // "" for reported success
		claim   guanaitong.Claim
		leads   string // beginning of the location
		reply   bool
		charged bool
		cause   error
	}{
		{name: "envelope", fault: guanaitongtest.None, reply: true, charged: true},
		{name: "success to return_url", fault: guanaitongtest.ReturnSuccess, claim: "success", leads: "https://shop.example/pay/return?", reply: true, charged: true},
		{name: "failure to return_url", fault: guanaitongtest.ReturnFail, kind: duopay.Refused, claim: "fail", leads: "https://shop.example/pay/return?", reply: true},
		{name: "bad signature", fault: guanaitongtest.ReturnForged, kind: duopay.Unsure, leads: "https://shop.example/pay/return?", reply: true, charged: true, cause: duopay.ErrSignature},
		{name: "to elsewhere", fault: guanaitongtest.ReturnElsewhere, kind: duopay.Unsure, leads: "https://elsewhere.invalid/", reply: true, charged: true},
		{name: "to the platform", fault: guanaitongtest.Redirect, kind: duopay.Unsure, leads: "/elsewhere", reply: true},
		{name: "code", fault: guanaitongtest.Refuse(1000210002, "sign"), kind: duopay.Refused},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := stocked(t)
				c := clientsOf(t, server, server.Transport()).caller
				server.Next(guanaitongtest.PathPay, test.fault)
				reply, err := c.Pay(t.Context(), payment(newNo, "CODE-NEW"))
				assert.Equal(t, test.kind == "", err == nil, "%v", err)
				if test.kind != "" {
					require.ErrorIs(t, err, test.kind)
					var e *duopay.Error
					require.ErrorAs(t, err, &e)
					assert.Equal(t, test.name == "code", e.Certain)
				}
				if test.cause != nil {
					require.ErrorIs(t, err, test.cause)
				}
				order, _ := server.Order(newNo)
				assert.Equal(t, test.charged, order.ChargedFen > 0)
				require.Equal(t, test.reply, reply != nil)
				if reply == nil {
					return
				}
				if test.leads != "" {
					address, err := url.Parse(reply.Location.Reveal())
					require.NoError(t, err)
					assert.True(t, strings.HasPrefix(reply.Location.Reveal(), test.leads) || strings.HasPrefix(address.Path, test.leads))
					assert.Empty(t, reply.TradeNo)
				} else {
					assert.Equal(t, order.TradeNo, reply.TradeNo)
				}
				if test.claim == "" {
					assert.Nil(t, reply.Claim)
				} else {
					assert.Equal(t, test.claim, reply.Claim.Claims)
					assert.Equal(t, newNo, reply.Claim.OrderNo)
				}
			})
		})
	}
}

// A redirect that is genuine and about something else, or almost to return_url.
func TestPayRedirects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := stocked(t)
		server.Redirects = true
		c := clientsOf(t, server, server.Transport()).caller
		server.Next(guanaitongtest.PathPay, guanaitongtest.OtherOrder)
		reply, err := c.Pay(t.Context(), payment(newNo, "CODE-NEW"))
		require.ErrorIs(t, err, duopay.Unsure)
		require.ErrorIs(t, err, duopay.ErrOrderMismatch)
		assert.Nil(t, reply.Claim)

		// A query of the merchant's own, which is not signed here.
		require.NoError(t, server.SetAuthCode("U0001", "CODE-OWN"))
		r := payment(newNo+"2", "CODE-OWN")
		r.ReturnURL += "?shop=7"
		reply, err = c.Pay(t.Context(), r)
		require.NoError(t, err)
		assert.Equal(t, "7", reply.Claim.Fields["shop"])
		assert.Contains(t, reply.Location.Reveal(), "shop=7")
	})

	// The genuine location, to almost the right place.
	server := guanaitongtest.NewUnstartedServer()
	require.NoError(t, server.SetAuthCode("U0001", "CODE-1"))
	p := clientsOf(t, server, server.Transport())
	r := payment("9000000220990102X1", "CODE-1")
	_, err := p.caller.Pay(t.Context(), r)
	require.NoError(t, err)
	genuine, err := server.ReturnPage(r.OrderNo)
	require.NoError(t, err)
	for location, good := range map[string]bool{
		genuine: true,
		strings.Replace(genuine, "https://", "http://", 1):                       false,
		strings.Replace(genuine, "shop.example", "shop.example:444", 1):          false,
		strings.Replace(genuine, "shop.example", "shop.example.evil.invalid", 1): false,
		strings.Replace(genuine, "https://", "https://user@", 1):                 false,
		strings.Replace(genuine, "/pay/return", "/pay/return/", 1):               false,
		strings.Replace(genuine, "/pay/return", "/pay/other", 1):                 false,
		strings.Replace(genuine, "https://shop.example", "", 1):                  false,
		strings.Replace(genuine, "pay_result=success", "pay_result=succes", 1):   false,
		genuine + "&x=1":                  false,
		"https://shop.example/pay/return": false,
		"://":                             false,
		"":                                false,
	} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			c, err := guanaitong.New(guanaitong.Config{
				BaseURL: server.URL, AppID: server.Caller.ID, Secret: duopay.NewSecret(server.Caller.Secret), Tokens: always("t"),
				Secrets: map[string]duopay.Secret{server.Seller.ID: duopay.NewSecret(server.Seller.Secret)},
			}, duopay.WithHTTPClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				answer := reply(status, nil)
				answer.Header.Set("Location", location)
				assert.Equal(t, guanaitongtest.PathPay, r.URL.Path, "redirects are not followed")
				return answer, nil
			})}))
			require.NoError(t, err)
			_, err = c.Pay(t.Context(), r)
			assert.Equal(t, good, err == nil, "%d %s: %v", status, location, err)
			if err != nil {
				require.ErrorIs(t, err, duopay.Unsure)
			}
		}
	}

	// A redirect of another operation is not an answer.
	c := over(t, roundTrip(func(*http.Request) (*http.Response, error) {
		answer := reply(http.StatusFound, nil)
		answer.Header.Set("Location", genuine)
		return answer, nil
	}), nil)
	_, err = c.PayRecord(t.Context(), guanaitong.PayRecordRequest{OrderNo: r.OrderNo})
	require.ErrorIs(t, err, duopay.Unsure)
}

// The payer's browser makes the call; the return page claims, the notification
// proves.
func TestPayURL(t *testing.T) {
	server := guanaitongtest.NewUnstartedServer()
	server.Redirects = true
	p := clientsOf(t, server, server.Transport())
	require.NoError(t, server.SetAuthCode("U0001", "CODE-1"))
	r := payment("9000000220990102U1", "CODE-1")
	address, err := p.caller.PayURL(t.Context(), r)
	require.NoError(t, err)
	assert.NotContains(t, address.Reveal(), server.Caller.Secret)
	assert.NotContains(t, address.Reveal(), "+")

	browser := &http.Client{Transport: server.Transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := browser.Get(address.Reveal())
	require.NoError(t, err)
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	back, err := answer.Location()
	require.NoError(t, err)
	claim, err := p.caller.ParseReturnPage(back)
	require.NoError(t, err)
	assert.Equal(t, guanaitong.ClaimSuccess, claim.Claims)
	assert.Equal(t, r.OrderNo, claim.OrderNo)
	for _, variant := range []guanaitongtest.Variant{
		guanaitongtest.Forged, guanaitongtest.Tampered, guanaitongtest.Stale, guanaitongtest.Future,
		guanaitongtest.UnknownApp, guanaitongtest.DuplicateField, guanaitongtest.Recut, guanaitongtest.Extended,
	} {
		page, err := server.ReturnPage(r.OrderNo, variant)
		require.NoError(t, err)
		address, err := url.Parse(page)
		require.NoError(t, err)
		_, err = p.caller.ParseReturnPage(address)
		require.ErrorIs(t, err, duopay.Unsure, "variant %d", variant)
	}

	// What went to the browser may pay at any time: no refusal of a call for the
	// same order is certain any more.
	_, err = p.caller.Pay(t.Context(), r)
	var e *duopay.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "1000210014", e.Code)
	assert.False(t, e.Certain)

	_, err = p.caller.PayURL(t.Context(), guanaitong.PayRequest{})
	require.ErrorIs(t, err, duopay.Invalid)
	fresh := clientsOf(t, server, server.Transport()).caller
	server.Next(guanaitongtest.PathToken, guanaitongtest.Refuse(1000210003, "IP"))
	_, err = fresh.PayURL(t.Context(), r)
	require.ErrorIs(t, err, duopay.NotSent)
}

// Every forged notification of the fake is refused, and every genuine one
// believed, whoever signs.
func TestNotificationVariants(t *testing.T) {
	for _, asCaller := range []bool{false, true} {
		server := guanaitongtest.NewUnstartedServer()
		server.SignAsCaller = asCaller
		p := clientsOf(t, server, server.Transport())
		require.NoError(t, server.SetAuthCode("U0001", "CODE-1"))
		r := payment("9000000220990102N1", "CODE-1")
		r.Attach = "%E8%AE%A2%E5%8D%95 7"
		_, err := p.caller.Pay(t.Context(), r)
		require.NoError(t, err)
		for variant, reason := range map[guanaitongtest.Variant]error{
			0: nil, guanaitongtest.UpperCase: nil,
			guanaitongtest.Forged: guanaitong.ErrSignature, guanaitongtest.Tampered: guanaitong.ErrSignature,
			guanaitongtest.Stale: guanaitong.ErrStale, guanaitongtest.Future: guanaitong.ErrStale,
			guanaitongtest.UnknownApp: guanaitong.ErrUnknownApp, guanaitongtest.DuplicateField: guanaitong.ErrDuplicateField,
			guanaitongtest.Recut: guanaitong.ErrAmpersand, guanaitongtest.Extended: guanaitong.ErrFieldText,
		} {
			var variants []guanaitongtest.Variant
			if variant != 0 {
				variants = append(variants, variant)
			}
			body, err := server.Notification(r.OrderNo, variants...)
			require.NoError(t, err)
			n, err := p.caller.ParseNotification(http.MethodPost, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(body))
			if reason != nil {
				require.ErrorIs(t, err, reason, "variant %d", variant)
				continue
			}
			require.NoError(t, err)
			assert.Equal(t, r.Attach, n.Attach)
			assert.Equal(t, r.Point, n.TotalAmount)
		}
	}
}

// Redelivery as documented: all of it is believed if it is signed anew, and
// with a window of 25 hours even if it is not.
func TestRedelivery(t *testing.T) {
	for _, test := range []struct {
		keep     bool
		past     time.Duration
		believed int
	}{{false, 0, 9}, {true, 0, 2}, {true, 25 * time.Hour, 9}} {
		synctest.Test(t, func(t *testing.T) {
			server := guanaitongtest.NewUnstartedServer()
			server.KeepTimestamp = test.keep
			server.NotifySchedule = guanaitongtest.DocumentedSchedule()
			secrets := map[string]duopay.Secret{server.Seller.ID: duopay.NewSecret(server.Seller.Secret)}
			c, err := guanaitong.New(guanaitong.Config{
				BaseURL: server.URL, AppID: server.Caller.ID, Secret: duopay.NewSecret(server.Caller.Secret), Secrets: secrets,
				NotificationWindow: guanaitong.Window{Past: test.past},
			}, duopay.WithHTTPClient(&http.Client{Transport: server.Transport()}))
			require.NoError(t, err)
			require.NoError(t, server.SetAuthCode("U0001", "CODE-1"))
			r := payment("9000000220990102N1", "CODE-1")
			_, err = c.Pay(t.Context(), r)
			require.NoError(t, err)
			believed := 0
			merchant := roundTrip(func(r *http.Request) (*http.Response, error) {
				body, _ := io.ReadAll(r.Body)
				_, err := c.ParseNotification(r.Method, r.Header, body)
				if err == nil {
					believed++
				}
				return reply(http.StatusOK, []byte("fail")), nil // so that it comes again
			})
			_, err = server.Notify(t.Context(), &http.Client{Transport: merchant}, r.OrderNo)
			require.Error(t, err, "nothing was acknowledged")
			if test.keep && test.past > 0 {
				assert.GreaterOrEqual(t, believed, test.believed)
				return
			}
			assert.Equal(t, test.believed, believed)
		})
	}
}

// The parameters go where they are to go, and the fake takes all of it.
func TestPlacements(t *testing.T) {
	for placement, where := range map[guanaitong.Placement][2]bool{guanaitong.InBody: {false, true}, guanaitong.Split: {true, true}, guanaitong.InQuery: {true, false}} {
		server := guanaitongtest.NewUnstartedServer()
		require.NoError(t, server.SetAuthCode("U0001", "CODE-1"))
		c, err := guanaitong.New(guanaitong.Config{
			BaseURL: server.URL, AppID: server.Caller.ID, Secret: duopay.NewSecret(server.Caller.Secret), Placement: placement, IncludeAppID: true,
		}, duopay.WithHTTPClient(&http.Client{Transport: server.Transport()}))
		require.NoError(t, err)
		r := payment("9000000220990102P1", "CODE-1")
		r.Reason, r.Attach = " 午 餐+%&=\t", "a b+c"
		_, err = c.Pay(t.Context(), r)
		require.NoError(t, err)
		order, _ := server.Order(r.OrderNo)
		assert.Equal(t, [2]string{"午 餐+%&=", "a b+c"}, [2]string{order.Reason, order.Attach}, "blanks around are cut off")
		sent := server.Requests(guanaitongtest.PathPay)[0]
		assert.Equal(t, where[0], sent.Query != "")
		assert.Equal(t, where[1], len(sent.Body) > 0)
		assert.NotContains(t, sent.Query+string(sent.Body), "+")
		assert.Contains(t, sent.Query+string(sent.Body), "appid=90000001&")
		token := server.Requests(guanaitongtest.PathToken)[0]
		assert.Empty(t, token.Query, "the token's own request has a form always")
	}
}

// A client remembers what it sent: a refusal of the second call says nothing
// about the first.
func TestPaidTwice(t *testing.T) {
	server := guanaitongtest.NewUnstartedServer()
	p := clientsOf(t, server, server.Transport())
	require.NoError(t, server.SetAuthCode("U0001", "CODE-1"))
	r := payment("9000000220990102T1", "CODE-1")

	// A dead code may be one that this very call has used up, if it arrived twice.
	dead := r
	dead.AuthCode = "CODE-0"
	var e *duopay.Error
	_, err := p.caller.Pay(t.Context(), dead)
	require.ErrorAs(t, err, &e)
	assert.Equal(t, duopay.Refused, e.Kind)
	assert.False(t, e.Certain)

	// The reply is lost, and somebody calls again with the same request.
	server.Next(guanaitongtest.PathPay, guanaitongtest.DropAfter)
	_, err = p.caller.Pay(t.Context(), r)
	require.ErrorIs(t, err, duopay.Unsure)
	for range 2 {
		_, err = p.caller.Pay(t.Context(), r)
		require.ErrorAs(t, err, &e)
		assert.Equal(t, "1000210014", e.Code)
		assert.Equal(t, duopay.Refused, e.Kind)
		assert.False(t, e.Certain, "it was paid")
	}

	// With a new code and the same number the provider says that it exists.
	require.NoError(t, server.SetAuthCode("U0001", "CODE-2"))
	r.AuthCode = "CODE-2"
	_, err = p.caller.Pay(t.Context(), r)
	require.ErrorIs(t, err, duopay.Unsure)
	order, _ := server.Order(r.OrderNo)
	assert.EqualValues(t, 1000, order.ChargedFen)
}

// Replies, read as they came.
func TestReplies(t *testing.T) {
	text := func(name string) *guanaitong.Client { return answering(t, string(golden(t, name))) }
	ctx := t.Context()

	paid, err := text("pay-reply.json").Pay(ctx, manualPay())
	require.NoError(t, err)
	assert.Equal(t, "2099010200000001", paid.TradeNo)
	assert.Equal(t, `"2099010200000001"`, string(paid.Data))
	assert.Equal(t, [3]string{"OK", "trace-1", string(golden(t, "pay-reply.json"))}, [3]string{paid.Message, paid.TraceID, string(paid.Raw)})
	assert.Nil(t, paid.Claim)

	code, err := text("auth-code-mobile-reply.json").AuthCodeByMobile(ctx, guanaitong.AuthCodeByMobileRequest{Mobile: "13000000000"})
	require.NoError(t, err)
	assert.Equal(t, "AAAABBBBCCCCDDDDEEEEFFFF0000111122223333", code.AuthCode.Reveal())
	assert.Nil(t, code.Raw)

	accounts, err := text("accounts-reply.json").Accounts(ctx, guanaitong.AccountsRequest{UserID: "U0001"})
	require.NoError(t, err)
	require.Len(t, accounts.Accounts, 2)
	assert.Equal(t, guanaitong.Account{
		OpenID: "c2e74b2af66bf79921281ea8d5b38d7c", Name: "餐补", Type: guanaitong.AccountQuota, Balance: "500", Status: guanaitong.AccountInvalid,
	}, accounts.Accounts[1])
	assert.Equal(t, guanaitong.AccountPoints, accounts.Accounts[0].Type)

	consumed, err := text("consume-reply.json").Consume(ctx, guanaitong.ConsumeRequest{TradeNo: "2099010200000001", OrderNo: "201107831558403602084", Amount: money("10.2")})
	require.NoError(t, err)
	assert.EqualValues(t, "201107831558403602084", consumed.OrderNo, "spelled out_trade_no")
	assert.Equal(t, duopay.Paid, consumed.Status())
	assert.JSONEq(t, `{"third_trade_no":"1212"}`, string(consumed.Detail))
	assert.Empty(t, consumed.RefundTime)
	assert.Equal(t, noon.Add(time.Second), consumed.PayTime.Time().UTC())

	_, err = text("consume-reply.json").Consume(ctx, guanaitong.ConsumeRequest{TradeNo: "2099010200000002"})
	require.ErrorIs(t, err, duopay.ErrOrderMismatch)
	_, err = text("consume-reply.json").Consume(ctx, guanaitong.ConsumeRequest{TradeNo: "2099010200000001", OrderNo: "201107831558403602085"})
	require.ErrorIs(t, err, duopay.ErrOrderMismatch)
	_, err = text("consume-reply.json").Consume(ctx, guanaitong.ConsumeRequest{TradeNo: "2099010200000001", Amount: money("10")})
	require.ErrorIs(t, err, duopay.ErrAmountMismatch)

	list, err := text("consume-list-reply.json").ConsumeList(ctx, guanaitong.ConsumeListRequest{
		PageIndex: 1, PageSize: 2, TimeStart: guanaitong.DayOf(noon), TimeEnd: guanaitong.DayOf(noon),
	})
	require.NoError(t, err)
	require.Len(t, list.List, 2)
	assert.Equal(t, duopay.Integer("2"), list.TotalCount)
	assert.EqualValues(t, "2099010200000002", list.List[0].TradeNo)
	assert.Equal(t, duopay.Canceled, list.List[0].Status())
	assert.Equal(t, duopay.PartialRefunded, list.List[1].Status())
	ordered, err := list.List[1].Ordered()
	require.NoError(t, err)
	assert.Equal(t, money("10.2"), ordered)

	refund := manualRefund()
	refund.OrderNo, refund.RefundNo = callerID+"0001", callerID+"R001"
	refunded, err := text("refund-reply.json").Refund(ctx, refund)
	require.NoError(t, err)
	assert.Equal(t, "2099010200000009", refunded.TradeNo)
	record, err := text("pay-record-reply.json").PayRecord(ctx, guanaitong.PayRecordRequest{OrderNo: "201107831558403602084"})
	require.NoError(t, err)
	assert.JSONEq(t, `{"outer_trade_no":"201107831558403602084","anything":[1,2]}`, string(record.Data))
	_, err = text("pay-record-reply.json").PayRecord(ctx, guanaitong.PayRecordRequest{OrderNo: "201107831558403602085"})
	require.ErrorIs(t, err, duopay.ErrOrderMismatch)
	record, err = text("refund-record-reply.json").RefundRecord(ctx, guanaitong.RefundRecordRequest{RefundNo: "20110783R0001"})
	require.NoError(t, err)
	assert.JSONEq(t, `{"outer_refund_no":"20110783R0001"}`, string(record.Data), "without the quotes of a string")
	_, err = text("refund-record-reply.json").RefundRecord(ctx, guanaitong.RefundRecordRequest{RefundNo: "20110783R0002"})
	require.ErrorIs(t, err, duopay.ErrOrderMismatch)
	_, err = text("call-json-reply.json").CallJSON(ctx, "/seller/v3/pay/getResult", "", map[string]string{"outerTradeNo": "201107831558403602085"})
	require.ErrorIs(t, err, duopay.ErrOrderMismatch)
}

// Replies that cannot be read, for the operations that need what is in them.
func TestUnreadableReplies(t *testing.T) {
	ctx := t.Context()
	for _, data := range []string{`null`, `""`, `" "`, `{}`, `[]`, `true`} {
		_, err := answering(t, `{"code":0,"data":`+data+`}`).AuthCodeByEmail(ctx, guanaitong.AuthCodeByEmailRequest{Email: "a@example.com"})
		require.ErrorIs(t, err, duopay.Unsure, data)
	}
	for _, data := range []string{`{}`, `"x"`, `[1]`, `["x"]`, `[{"type":1,"type":2}]`, `true`} {
		_, err := answering(t, `{"code":0,"data":`+data+`}`).Accounts(ctx, guanaitong.AccountsRequest{CorpCode: "1"})
		require.ErrorIs(t, err, duopay.Unsure, data)
	}
	for _, data := range []string{`null`, `"x"`, `[]`, `{"status":{}}`, `{"status":3,"status":4}`, `{}`, `{"status":9}`} {
		_, err := answering(t, `{"code":0,"data":`+data+`}`).Consume(ctx, guanaitong.ConsumeRequest{TradeNo: "2099010200000001"})
		require.ErrorIs(t, err, duopay.Unsure, data)
	}
	none, err := answering(t, `{"code":0,"data":null}`).Accounts(ctx, guanaitong.AccountsRequest{CorpCode: "1"})
	require.NoError(t, err)
	assert.Empty(t, none.Accounts)
	odd, err := answering(t, `{"code":0,"data":{"status":3,"total_amount":"?","pay_amount":{},"pay_time":"soon"}}`).Consume(ctx, guanaitong.ConsumeRequest{TradeNo: "2099010200000001"})
	require.NoError(t, err, "nobody asked for the amount")
	assert.True(t, odd.PayTime.Time().IsZero())
	bare, err := answering(t, `{"code":0,"data":{"status":3}}`).Consume(ctx, guanaitong.ConsumeRequest{TradeNo: "2099010200000001", Amount: money("1")})
	require.NoError(t, err)
	_, err = bare.Ordered()
	require.ErrorIs(t, err, duopay.ErrAbsent)
}

// The other forms in which the fake answers change nothing.
func TestOtherForms(t *testing.T) {
	for _, fault := range []guanaitongtest.Fault{guanaitongtest.OutTradeNo, guanaitongtest.AmountsAsStrings, guanaitongtest.CodeAsString, guanaitongtest.DataAsString} {
		for _, x := range exchanges {
			synctest.Test(t, func(t *testing.T) {
				server := stocked(t)
				server.Next(x.path, fault)
				require.NoError(t, x.call(t.Context(), clientsOf(t, server, server.Transport())), x.path)
			})
		}
	}
}
