package ysepay

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
	"github.com/duopay/duopay/internal/wire"
)

const (
	queryNode = "ysepay_online_trade_order_combine_query_response"
	paidNode  = `{"code":"10000","msg":"Success","combine_out_trade_no":"20240520DP1","trade_status":"TRADE_SUCCESS","total_amount":30.50,"x":"{\"sign\":\"a\"}"}`
)

// signs signs text as the platform does.
func signs(t testing.TB, by, text string) string {
	t.Helper()
	signature, err := private(t, by).sign([]byte(text))
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(signature)
}

// asked is a query for the order of paidNode.
func asked(t testing.TB) fields {
	t.Helper()
	sent, err := wire.ReadObject([]byte(`{"combine_out_trade_no":"20240520DP1","shopdate":"20240520"}`))
	require.NoError(t, err)
	return fields(sent)
}

// Envelopes made to confuse: what is believed is the one node, by its exact
// bytes, or nothing.
func TestHostileEnvelopes(t *testing.T) {
	c := client(t, "platform_rsa", UTF8)
	sign := signs(t, "platform_rsa", paidNode)
	forged := strings.Replace(paidNode, "30.50", "99.50", 1)
	failed := `{"code":"40004","msg":"业务异常","sub_code":"ACQ.X","combine_out_trade_no":"20240520DP1"}`
	node := `"` + queryNode + `":` + paidNode
	spaced := "{ \"code\" : \"10000\",\r\n\t\"combine_out_trade_no\":\"20240520DP1\" , \"trade_status\":\"TRADE_SUCCESS\"}"
	sig := func(s string) string { return `"sign":"` + s + `"` }

	for _, test := range []struct {
		name string
		body string
		good bool
	}{
		{"sign first", `{` + sig(sign) + `,` + node + `}`, true},
		{"sign last", `{` + node + `,` + sig(sign) + `}`, true},
		{"white space around", " \r\n{ " + node + "\t,\n" + sig(sign) + " }\r\n ", true},
		{"white space inside", `{"` + queryNode + `" : ` + spaced + ` ,` + sig(signs(t, "platform_rsa", spaced)) + `}`, true},
		{"byte-order mark", "\ufeff{" + node + `,` + sig(sign) + `}`, true},
		{"SIGN besides", `{` + sig(sign) + `,` + node + `,"SIGN":"x","Sign":null}`, true},
		{"other members", `{"a":{"sign":"x","` + queryNode + `":` + forged + `},` + sig(sign) + `,` + node + `,"b":[1,{"c":"}"}]}`, true},
		{"name escaped", `{"\u0073ign":"` + sign + `",` + node + `}`, true},
		{"slashes of the sign escaped", `{"sign":"` + strings.ReplaceAll(sign, "/", `\/`) + `",` + node + `}`, true},
		{"error node besides", `{"error_response":` + failed + `,` + sig(sign) + `,` + node + `}`, true},
		{"odd error node besides, forged", `{"unknow_response":` + forged + `,` + sig(sign) + `,` + node + `}`, true},

		{"node twice, forged last", `{` + sig(sign) + `,` + node + `,"` + queryNode + `":` + forged + `}`, false},
		{"node twice, forged first", `{` + sig(sign) + `,"` + queryNode + `":` + forged + `,` + node + `}`, false},
		{"node twice, one name escaped", `{` + sig(sign) + `,` + node + `,"` + strings.Replace(queryNode, "y", `\u0079`, 1) + `":` + forged + `}`, false},
		{"forged, genuine in a member before", `{"a":{` + node + `},` + sig(sign) + `,"` + queryNode + `":` + forged + `}`, false},
		{"forged, genuine in a member behind", `{` + sig(sign) + `,"` + queryNode + `":` + forged + `,"b":{` + node + `}}`, false},
		{"forged, genuine in the error node", `{` + sig(sign) + `,"` + queryNode + `":` + forged + `,"error_response":` + paidNode + `}`, false},
		{"sign twice", `{` + sig("x") + `,` + node + `,` + sig(sign) + `}`, false},
		{"other member twice", `{"a":1,"a":1,` + node + `,` + sig(sign) + `}`, false},
		{"refusal without a sign", `{"` + queryNode + `":` + failed + `}`, false},
		{"refusal in the error node, without a sign", `{"error_response":` + failed + `}`, false},
		{"refusal in the odd error node, without a sign", `{"unknow_response":` + failed + `}`, false},
		{"refusal in the error node, sign of another node", `{` + sig(sign) + `,"error_response":` + failed + `}`, false},
		{"refusal in the error node, signed", `{` + sig(signs(t, "platform_rsa", failed)) + `,"error_response":` + failed + `}`, false},
		{"SIGN only", `{"SIGN":"` + sign + `",` + node + `}`, false},
		{"sign inside the node", `{"` + queryNode + `":{"code":"10000","sign":"` + sign + `"}}`, false},
		{"sign is null", `{"sign":null,` + node + `}`, false},
		{"sign is a number", `{"sign":1,` + node + `}`, false},
		{"sign is an object", `{"sign":{},` + node + `}`, false},
		{"sign is empty", `{` + sig("") + `,` + node + `}`, false},
		{"sign is blank", `{` + sig(` \t`) + `,` + node + `}`, false},
		{"sign with blanks", `{` + sig(sign[:8]+" "+sign[8:]) + `,` + node + `}`, false},
		{"sign cut", `{` + sig(sign[:len(sign)-4]) + `,` + node + `}`, false},
		{"sign with a tail", `{` + sig(sign+"AAAA") + `,` + node + `}`, false},
		{"sign in hex", `{` + sig("00ff") + `,` + node + `}`, false},
		{"sign of the whole answer", `{` + sig(signs(t, "platform_rsa", "{"+node+"}")) + `,` + node + `}`, false},
		{"sign by the merchant", `{` + sig(signs(t, "merchant_rsa", paidNode)) + `,` + node + `}`, false},
		{"sign by another family", `{` + sig(signs(t, "platform_sm2", paidNode)) + `,` + node + `}`, false},
		{"name of the node in upper case", `{` + sig(sign) + `,"` + strings.ToUpper(queryNode) + `":` + paidNode + `}`, false},
		{"node of another method", `{` + sig(sign) + `,"ysepay_online_trade_query_response":` + paidNode + `}`, false},
		{"node is the error node", `{` + sig(sign) + `,"error_response":` + paidNode + `}`, false},
		{"node is the odd error node", `{` + sig(sign) + `,"unknow_response":` + paidNode + `}`, false},
		{"node as array", `{` + sig(signs(t, "platform_rsa", "["+paidNode+"]")) + `,"` + queryNode + `":[` + paidNode + `]}`, false},
		{"node as text", `{` + sig(signs(t, "platform_rsa", `"x"`)) + `,"` + queryNode + `":"x"}`, false},
		{"node is null", `{` + sig(signs(t, "platform_rsa", `null`)) + `,"` + queryNode + `":null}`, false},
		{"node is null, forged in the error node", `{` + sig(sign) + `,"` + queryNode + `":null,"error_response":` + paidNode + `}`, false},
		{"white space added inside", `{` + sig(sign) + `,"` + queryNode + `":` + strings.Replace(paidNode, ",", ", ", 1) + `}`, false},
		{"amount in another form", `{` + sig(sign) + `,"` + queryNode + `":` + strings.Replace(paidNode, "30.50", "30.5", 1) + `}`, false},
		{"trailing object", `{` + sig(sign) + `,` + node + `}{}`, false},
		{"trailing comma", `{` + sig(sign) + `,` + node + `,}`, false},
		{"trailing zero byte", `{` + sig(sign) + `,` + node + "}\x00", false},
		{"an array around", `[{` + sig(sign) + `,` + node + `}]`, false},
		{"two marks", "\ufeff\ufeff{" + node + `,` + sig(sign) + `}`, false},
		{"bad UTF-8", `{` + sig(sign) + `,` + node + `,"b":"` + "\xff" + `"}`, false},
		{"deep", `{"a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `,` + sig(sign) + `,` + node + `}`, false},
		{"cut", `{` + sig(sign) + `,` + node, false},
		{"names twice inside", func() string {
			twice := `{"code":"40004","code":"10000","combine_out_trade_no":"20240520DP1","trade_status":"TRADE_SUCCESS"}`
			return `{` + sig(signs(t, "platform_rsa", twice)) + `,"` + queryNode + `":` + twice + `}`
		}(), false},
		{"names in upper case inside", func() string {
			upper := `{"CODE":"10000","combine_out_trade_no":"20240520DP1","trade_status":"TRADE_SUCCESS"}`
			return `{` + sig(signs(t, "platform_rsa", upper)) + `,"` + queryNode + `":` + upper + `}`
		}(), false},
		{"names nothing", func() string {
			bare := `{"code":"10000","msg":"Success","trade_status":"TRADE_SUCCESS"}`
			return `{` + sig(signs(t, "platform_rsa", bare)) + `,"` + queryNode + `":` + bare + `}`
		}(), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			n, err := c.open(query, asked(t), &exchange.Answer{Status: http.StatusOK, Body: []byte(test.body)})
			if test.good {
				require.NoError(t, err)
				assert.Equal(t, codeSuccess, string(n.Code))
				assert.Equal(t, "TRADE_SUCCESS", fields(n.object).text("trade_status"))
				assert.NotContains(t, string(n.text), "99.50")
				return
			}
			require.Error(t, err)
			require.NotErrorIs(t, err, duopay.Refused)
			assert.Empty(t, n.text)
		})
	}
}

// A success that does not say what it is about may be an old one of another
// order or refund.
func TestAnswerNamesItsSubject(t *testing.T) {
	for _, test := range []struct {
		asked, answered string
		good            bool
	}{
		{`{"combine_out_trade_no":"A"}`, `{"combine_out_trade_no":"A"}`, true},
		{`{"combine_out_trade_no":"A","combine_trade_no":"B"}`, `{"combine_trade_no":"B"}`, true},
		{`{"combine_out_trade_no":"A"}`, `{"combine_trade_no":"B"}`, false},
		{`{"combine_out_trade_no":"A"}`, `{"out_trade_no":"A"}`, false},
		{`{"combine_out_trade_no":"A"}`, `{"combine_out_trade_no":null}`, false},
		{`{"combine_out_trade_no":"A"}`, `{}`, false},
		{`{"out_trade_no":"A","out_request_no":"R"}`, `{"out_trade_no":"A","out_request_no":"R"}`, true},
		{`{"out_trade_no":"A","out_request_no":"R"}`, `{"out_request_no":"R"}`, true},
		{`{"out_trade_no":"A","out_request_no":"R"}`, `{"out_trade_no":"A"}`, false},
	} {
		sent, err := wire.ReadObject([]byte(test.asked))
		require.NoError(t, err)
		answer, err := wire.ReadObject([]byte(test.answered))
		require.NoError(t, err)
		assert.Equal(t, test.good, fields(sent).named(answer), "%+v", test)
	}
}

// Whatever number was sent, the answer has to be about it.
func TestAnotherNumber(t *testing.T) {
	for _, name := range []string{"combine_out_trade_no", "combine_trade_no", "out_trade_no", "trade_no", "out_request_no"} {
		sent, err := wire.ReadObject([]byte(`{"` + name + `":"A"}`))
		require.NoError(t, err)
		other, err := wire.ReadObject([]byte(`{"` + name + `":"B"}`))
		require.NoError(t, err)
		require.NoError(t, fields(sent).match(sent), name)
		require.ErrorIs(t, fields(sent).match(other), duopay.ErrOrderMismatch, name)
	}
}

// All of GBK comes out as it went in, or is refused.
func TestGBKRoundTrip(t *testing.T) {
	good := 0
	for lead := 0x80; lead <= 0xFF; lead++ {
		for trail := range 0x100 {
			data := []byte{byte(lead), byte(trail)}
			text, err := GBK.decode(data)
			if err != nil {
				continue
			}
			good++
			again, err := GBK.encode(text)
			require.NoError(t, err)
			require.Equal(t, data, again)
		}
	}
	assert.Greater(t, good, 20000)
}

// GBK is decoded before it is scanned: the second byte of a character may be a
// backslash or a quote's neighbour.
func TestGBKEnvelope(t *testing.T) {
	c := client(t, "platform_rsa", GBK)
	node := `{"code":"10000","msg":"運誠","combine_out_trade_no":"20240520DP1","trade_status":"TRADE_SUCCESS"}` // 誠 ends in 0x5C
	encoded, err := GBK.encode(node)
	require.NoError(t, err)
	require.Contains(t, string(encoded), `\"`)
	body := `{"sign":"` + signs(t, "platform_rsa", string(encoded)) + `","` + queryNode + `":` + string(encoded) + `}`
	n, err := c.open(query, asked(t), &exchange.Answer{Status: http.StatusOK, Body: []byte(body)})
	require.NoError(t, err)
	assert.Equal(t, "運誠", string(n.Msg))
	assert.Equal(t, node, string(n.text))

	for _, bad := range []string{
		strings.Replace(body, "Success", "\x81", 1) + "\x81",
		strings.Replace(body, string(encoded), node, 1), // UTF-8 where GBK was agreed
		"\xff\xff",
	} {
		_, err = c.open(query, asked(t), &exchange.Answer{Status: http.StatusOK, Body: []byte(bad)})
		require.Error(t, err)
	}
	_, err = client(t, "platform_rsa", UTF8).open(query, asked(t), &exchange.Answer{Status: http.StatusOK, Body: []byte(body)})
	require.Error(t, err, "GBK where UTF-8 was agreed")
}

// Every code, verified and not, and what is left for people.
func TestClassify(t *testing.T) {
	for _, test := range []struct {
		code, subCode string
		kind          duopay.Kind // "" for success
		notFound      bool
	}{
		{"10000", "", "", false},
		{"10000", "ACQ.X", "", false},
		{"40004", "ACQ.TRADE_HAS_EXISTED", duopay.Refused, false},
		{"40004", "ACQ.QUERY_NO_RESULT", duopay.Refused, true},
		{"40004", "ACQ.QUERY_NO_RECORD", duopay.Refused, true},
		{"40004", "ACQ.SYSTEM_ERROR", duopay.Unsure, false},
		{"40004", "ACQ.BUSINESS_TIMEOUT_ERROR", duopay.Unsure, false},
		{"40004", "3155", duopay.Unsure, false},
		{"40004", "3161", duopay.Unsure, false},
		{"40004", "3172", duopay.Unsure, false},
		{"40004", "", duopay.Unsure, false},
		{"50000", "ACQ.X", duopay.Unsure, false},
		{"3501", "", duopay.Unsure, false},
		{"20000", "", duopay.Unsure, false},
		{"20001", "", duopay.Unsure, false},
		{"40001", "isv.missing-parameter", duopay.Unsure, false},
		{"40002", "isv.invalid-signature", duopay.Unsure, false},
		{"40006", "", duopay.Unsure, false},
		{"", "", duopay.Unsure, false},
		{"10000 ", "", duopay.Unsure, false},
		{"0010000", "", duopay.Unsure, false},
		{"1e4", "", duopay.Unsure, false},
		{"success", "", duopay.Unsure, false},
	} {
		h := head{Code: duopay.Text(test.code), Msg: "业务异常", SubCode: duopay.Text(test.subCode), SubMsg: "原因"}
		err := h.classify(true)
		if test.kind == "" {
			require.NoError(t, err)
		} else {
			var e *duopay.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, test.kind, e.Kind, "%+v", test)
			assert.False(t, e.Certain)
			assert.Equal(t, []string{test.code, test.subCode, "业务异常 原因"}, []string{e.Code, e.SubCode, e.Message})
			assert.Equal(t, test.notFound, strings.Contains(e.Error(), duopay.ErrNotFound.Error()))
		}
		require.ErrorIs(t, h.classify(false), duopay.Unsure, "in the node of an error")
	}
}

// An amount that cannot be read is a difference where it is needed.
func TestSame(t *testing.T) {
	one := duopay.MustMoney("1")
	for _, test := range []struct {
		answered duopay.Amount
		asked    duopay.Money
		needed   bool
		good     bool
	}{
		{"1", one, true, true}, {"1.00", one, true, true}, {"1e0", one, true, true}, {"", one, true, true}, {"9", duopay.Money{}, true, true},
		{"1.01", one, true, false}, {"1.01", one, false, false}, {"1.001", one, true, false}, {"a lot", one, true, false}, {"{}", one, true, false},
		{"a lot", one, false, true},
	} {
		err := same(test.answered, test.asked, test.needed)
		assert.Equal(t, test.good, err == nil, "%+v", test)
		if err != nil {
			require.ErrorIs(t, err, duopay.ErrAmountMismatch)
		}
	}
}

func TestStatuses(t *testing.T) {
	for state, want := range map[TradeStatus]duopay.Status{
		"WAIT_BUYER_PAY": duopay.Pending, "TRADE_SUCCESS": duopay.Paid, "TRADE_PART_REFUND": duopay.PartialRefunded,
		"TRADE_ALL_REFUND": duopay.Refunded, "TRADE_UNDEPOSIT": duopay.Paid, "TRADE_CLOSED": duopay.Closed, "TRADE_FAILD": duopay.Failed,
		"TRADE_FAILED": duopay.Failed, "TRADE_PROCESS": duopay.Pending, "TRADE_ABNORMALITY": duopay.Pending, "TRADE_USERPAYING": duopay.Pending,
		"WAIT_SELLER_SEND_GOODS": duopay.Pending, "WAIT_BUYER_CONFIRM_GOODS": duopay.Pending,
		"": duopay.Unknown, "trade_success": duopay.Unknown, "TRADE_FINISHED": duopay.Unknown,
	} {
		assert.Equal(t, want, state.Status(), string(state))
	}
	for state, want := range map[RefundState]duopay.RefundStatus{
		"success": duopay.RefundDone, "in_process": duopay.RefundPending, "fail": duopay.RefundFailed, "fail_to_manual_deal": duopay.RefundPending,
		"fail_due_manual_close": duopay.RefundFailed, "": duopay.RefundUnknown, "SUCCESS": duopay.RefundUnknown,
	} {
		assert.Equal(t, want, state.Status(), string(state))
	}
}
