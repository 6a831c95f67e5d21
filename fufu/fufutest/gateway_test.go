package fufutest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

type vector struct {
	Name, Kind, Operation, Key, Timestamp, Body, Sign string
	ToSign                                            string `json:"string_to_sign"`
	Valid                                             bool
}

// readVectors reads one list of the vectors.
func readVectors(t *testing.T, list string) (found []vector) {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]json.RawMessage
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(file[list], &found); err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatalf("no vectors in %s", list)
	}
	return found
}

func TestVectors(t *testing.T) {
	for _, v := range readVectors(t, "cases") {
		t.Run(v.Name, func(t *testing.T) {
			at, ok := signed(v.Sign, []byte(v.Body), v.Key)
			if ok != v.Valid {
				t.Errorf("valid %v, want %v", ok, v.Valid)
			}
			if got := v.Timestamp + v.Key + string(strip([]byte(v.Body))); got != v.ToSign {
				t.Errorf("string to sign\n%s, want\n%s", got, v.ToSign)
			}
			if !v.Valid {
				return
			}
			ms, err := strconv.ParseInt(v.Timestamp, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if !at.Equal(time.UnixMilli(ms)) {
				t.Errorf("signed at %v", at)
			}
			if got := sign([]byte(v.Body), v.Key, at); got != v.Sign {
				t.Errorf("sign %s, want %s", got, v.Sign)
			}
		})
	}
}

// The requests among the vectors, as the whole gateway judges them.
func TestRequestVectors(t *testing.T) {
	for _, v := range readVectors(t, "cases") {
		if v.Kind != "request" {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			c := newClient(t)
			c.srv.BusiID, c.srv.Key = "990000000000001", v.Key
			_, body, err := c.do(c.request(v.Operation, v.Sign, []byte(v.Body)))
			if err != nil {
				t.Fatal(err)
			}
			if understood := c.read(body).Result.Code == "SUCCESS"; understood != v.Valid {
				t.Errorf("valid %v, answer %s", v.Valid, body)
			}
			if strings.Contains(body, "INVALID_SIGN") == v.Valid {
				t.Errorf("valid %v, answer %s", v.Valid, body)
			}
		})
	}
}

func TestManualSample(t *testing.T) {
	eachWay(t, func(c *client) {
		c.srv.BusiID, c.srv.Key = "581010199011345", strings.Repeat("1", 32)
		sent := []byte(`{
    "busi_id": "581010199011345",
    "operator_id": "test1",
    "terminal_id": "收銀機1",
    "total_fee": "250",
    "channel_type": "1",
    "auth_code": "288886863488188613",
    "pay_subject": "測試商品",
    "out_trade_no": "d2dbe5fb-fc71-4bfe-848f-a24875d9169c",
    "fee_type": "CNY"
}`)
		status, body, err := c.do(c.request(OpOrder, sign(sent, c.srv.Key, time.Now()), sent))
		if err != nil || status != http.StatusOK {
			c.t.Fatal(status, err)
		}
		o := c.book("d2dbe5fb-fc71-4bfe-848f-a24875d9169c")
		a := c.read(body).ok()
		a.has(map[string]string{
			"channel_type": `"1"`, "out_trade_no": `"` + o.OrderNo + `"`, "trade_no": `"` + o.TradeNo + `"`,
			"auth_code": `"288886863488188613"`, "operator_id": `"test1"`, "terminal_id": `"收銀機1"`,
			"total_fee": "250", "fee_type": `"CNY"`, "state": "1", "credit": `"balance"`,
			"begin_time":    `"` + o.CreatedAt.In(beijing).Format("20060102150405") + `"`,
			"end_time":      `"` + o.PaidAt.In(beijing).Format("20060102150405") + `"`,
			"exchange_rate": "", "trans_amount_cny": "", "merchant_param": "", "time_zone": "",
		})
		if a.Result.Message != "OK" || len(o.TradeNo) != 20 || len(a.Data["channel_trade_no"].(string)) != 28 || len(a.Data["phone_code"].(string)) != 30 {
			c.t.Errorf("answer %s", body)
		}
		if o.Op != OpOrder || o.AmountFen != 250 || o.Currency != "CNY" || o.Channel != 1 {
			c.t.Errorf("order %+v", o)
		}
		c.state(o.OrderNo, StatePaid, 250, 0)
	})
}

// The manual's own sample of a preOrder has an auth_code, and no trade_type.
func TestManualPreOrder(t *testing.T) {
	c := newClient(t)
	c.srv.BusiID = "733010220151343"
	c.call(OpPreOrder, params{
		"busi_id": "733010220151343", "operator_id": "測試操作員", "terminal_id": "05315830", "total_fee": "10",
		"channel_type": "1", "auth_code": "111", "pay_subject": "測試商戶",
		"out_trade_no": "8ce68a7d-f422-4714-95ba-c3fcc737d86a", "fee_type": "CNY", "openId": "2088102172184723",
		"notifyUrl": "http://baidu.com",
	}).ok().has(map[string]string{"qr_code": ""})
	c.state("8ce68a7d-f422-4714-95ba-c3fcc737d86a", StateWaiting, 0, 0)
}

func TestReplyKeepsTheManualsOrder(t *testing.T) {
	c := newClient(t)
	_, body, err := c.raw(OpOrder, c.orderParams("DP1"))
	if err != nil {
		t.Fatal(err)
	}
	rest, found := body, false
	for _, name := range []string{
		"result", "return_msg", "return_code", "data", "return_code", "channel_type", "out_trade_no", "trade_no",
		"channel_trade_no", "phone_code", "auth_code", "begin_time", "end_time", "total_fee", "fee_type", "state", "credit",
	} {
		if _, rest, found = strings.Cut(rest, `"`+name+`":`); !found {
			t.Fatalf("%s is out of order in %s", name, body)
		}
	}
}

func TestSignatureRules(t *testing.T) {
	good := func(body []byte, key string) string { return sign(body, key, time.Now()) }
	for name, test := range map[string]struct {
		query func(body []byte, key string) string
		valid bool
	}{
		"good":            {func(body []byte, key string) string { return "sign=" + good(body, key) }, true},
		"colon escaped":   {func(body []byte, key string) string { return "sign=" + url.QueryEscape(good(body, key)) }, true},
		"more parameters": {func(body []byte, key string) string { return "x=1&sign=" + good(body, key) }, true},
		"long ago":        {func(body []byte, key string) string { return "sign=" + sign(body, key, time.UnixMilli(1e12)) }, true},
		"none":            {func([]byte, string) string { return "" }, false},
		"empty":           {func([]byte, string) string { return "sign=" }, false},
		"twice":           {func(body []byte, key string) string { return "sign=" + good(body, key) + "&sign=" + good(body, key) }, false},
		"in braces":       {func(body []byte, key string) string { return "sign={" + good(body, key) + "}" }, false},
		"upper case":      {func(body []byte, key string) string { return "sign=" + strings.ToUpper(good(body, key)) }, false},
		"no time":         {func(body []byte, key string) string { return "sign=" + good(body, key)[:32] }, false},
		"in seconds": {func(body []byte, key string) string {
			ms := strconv.FormatInt(time.Now().Unix(), 10)
			return "sign=" + digest(body, key, ms) + ":" + ms
		}, false},
		"line break":   {func(body []byte, key string) string { return "sign=" + good(body, key) + "%0A" }, false},
		"another time": {func(body []byte, key string) string { return "sign=" + good(body, key)[:33] + "1700000000000" }, false},
		"another key":  {func(body []byte, key string) string { return "sign=" + good(body, key+"x") }, false},
		"another body": {func(body []byte, key string) string { return "sign=" + good(append(body, '}'), key) }, false},
		"trimmed key":  {func(body []byte, key string) string { return "sign=" + good(body, strings.TrimSpace(key)) }, false},
		"unicode spaces": {func(body []byte, key string) string {
			return "sign=" + good(bytes.ReplaceAll(body, []byte("\u3000"), nil), key)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t)
			c.srv.Key = " a key with spaces " // the key is taken as it is
			rest := sandbox.JSON(c.orderParams("DP1").with(params{"pay_subject": nil}))[1:]
			body := append([]byte("{ \"pay_subject\":\"大\u3000杯\\u0020 x\",\r\n\t"), rest...)
			r := c.request(OpOrder, "", body)
			r.URL.RawQuery = test.query(body, c.srv.Key)
			status, answer, err := c.do(r)
			if err != nil || status != http.StatusOK {
				t.Fatalf("status %d, %v", status, err)
			}
			a := c.read(answer)
			if test.valid {
				a.ok()
				return
			}
			if a.Result.Code != "FAIL" || a.Result.Message != "INVALID_SIGN" || strings.Contains(answer, "data") {
				t.Errorf("answer %s", answer)
			}
			if why := c.srv.Requests(OpOrder)[0].Refused; !strings.HasPrefix(why, "INVALID_SIGN: ") {
				t.Errorf("on record as %q", why)
			}
			if c.srv.Orders() != nil {
				t.Error("made an order")
			}
		})
	}
}

// Six characters are taken out, wherever they stand, and no others.
func TestStrip(t *testing.T) {
	const stays = "a\\n\\u0020\u00a0\u0085\u2028\u3000中\x00\x08\x0e"
	if got := string(strip([]byte("\t\n\v\f\r " + stays + "  \t"))); got != stays {
		t.Errorf("%q, want %q", got, stays)
	}
}

func TestMaxAge(t *testing.T) {
	for age, valid := range map[time.Duration]bool{
		0: true, time.Minute: true, -time.Minute: true,
		time.Minute + time.Millisecond: false, -time.Minute - time.Millisecond: false,
	} {
		c := newClient(t)
		c.setClock(noon)
		c.srv.MaxAge = time.Minute
		body := sandbox.JSON(c.orderParams("DP1"))
		_, answer, err := c.do(c.request(OpOrder, sign(body, c.srv.Key, noon.Add(-age)), body))
		if err != nil {
			t.Fatal(err)
		}
		if a := c.read(answer); (a.Result.Code == "SUCCESS") != valid || !valid && a.Result.Message != "INVALID_SIGN" {
			t.Errorf("age %v: answer %s", age, answer)
		}
	}
}

func TestHTTPRules(t *testing.T) {
	c := newClient(t)
	body := func(text string) *http.Request {
		return c.request(OpQuery, sign([]byte(text), c.srv.Key, time.Now()), []byte(text))
	}
	good := func() *http.Request { return body(string(sandbox.JSON(c.of("DP1")))) }
	set := func(name, value string) *http.Request {
		r := good()
		r.Header.Set(name, value)
		return r
	}
	at := func(path string) *http.Request {
		r := good()
		r.URL.Path = path
		return r
	}
	get := good()
	get.Method = http.MethodGet
	for name, test := range map[string]struct {
		request    *http.Request
		code, want string
	}{
		"good":            {good(), "SUCCESS", "OK"},
		"no charset":      {set("Content-Type", "application/json"), "SUCCESS", "OK"},
		"GET":             {get, "ILLEGAL_PARAMETER", "HTTP: method GET"},
		"elsewhere":       {at("/elsewhere"), "ILLEGAL_PARAMETER", "HTTP: path /elsewhere"},
		"no base path":    {at("/query"), "ILLEGAL_PARAMETER", "HTTP: path /query"},
		"operation":       {at("/gateway/pay/queryTrades"), "ILLEGAL_PARAMETER", "HTTP: path"},
		"upper case":      {at("/gateway/pay/Query"), "ILLEGAL_PARAMETER", "HTTP: path"},
		"double slash":    {at("/gateway/pay//query"), "ILLEGAL_PARAMETER", "HTTP: path"},
		"form":            {set("Content-Type", "application/x-www-form-urlencoded"), "ILLEGAL_PARAMETER", "Content-Type: "},
		"no type":         {set("Content-Type", ""), "ILLEGAL_PARAMETER", "Content-Type: "},
		"gbk":             {set("Content-Type", "application/json; charset=gbk"), "ILLEGAL_PARAMETER", "Content-Type: charset"},
		"empty":           {body(""), "ILLEGAL_PARAMETER", "body: not a JSON object"},
		"array":           {body("[]"), "ILLEGAL_PARAMETER", "body: not a JSON object"},
		"tail":            {body("{}{}"), "ILLEGAL_PARAMETER", "body: something follows"},
		"not UTF-8":       {body("{\"a\":\"\xff\"}"), "ILLEGAL_PARAMETER", "body: not UTF-8"},
		"twice":           {body(`{"busi_id":"1","busi_id":"2"}`), "ILLEGAL_PARAMETER", `body: "busi_id" occurs twice`},
		"broken":          {body(`{"busi_id":"1",}`), "ILLEGAL_PARAMETER", "body: "},
		"cut":             {body(`{"busi_id":"1"`), "ILLEGAL_PARAMETER", "body: "},
		"broken value":    {body(`{"busi_id":1a}`), "ILLEGAL_PARAMETER", "body: "},
		"too large":       {body(`{"busi_id":"` + strings.Repeat("n", 1<<20) + `"}`), "ILLEGAL_PARAMETER", "body: http: request body too large"},
		"no busi_id":      {body(`{}`), "ILLEGAL_PARAMETER", "busi_id: missing"},
		"empty busi_id":   {body(`{"busi_id":""}`), "ILLEGAL_PARAMETER", "busi_id: missing"},
		"number":          {body(`{"busi_id":990000000000001}`), "ILLEGAL_PARAMETER", "busi_id: must be a JSON string"},
		"unknown busi_id": {body(`{"busi_id":"990000000000002"}`), "UNREGISTERED_BUSI", "busi_id: unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body, err := c.do(test.request)
			if err != nil || status != http.StatusOK {
				t.Fatalf("status %d, %v", status, err)
			}
			if a := c.read(body); a.Result.Code != test.code || !strings.HasPrefix(a.Result.Message, test.want) {
				t.Errorf("answer %s, want %s %q", body, test.code, test.want)
			}
		})
	}
}

func TestRequests(t *testing.T) {
	c := newClient(t)
	c.order("DP1").ok()
	c.query("DP1").ok()
	c.query("DP2")
	queries := c.srv.Requests(OpQuery)
	if len(queries) != 2 || len(c.srv.Requests("")) != 3 {
		t.Fatalf("%d queries of %d requests", len(queries), len(c.srv.Requests("")))
	}
	second := queries[1]
	if second.OrderNo != "DP2" || second.Refused != "CHARGE_NONEXISTENT: out_trade_no DP2" || queries[0].Refused != "" || second.At.IsZero() {
		t.Errorf("queries %+v", queries)
	}
	if string(second.Body) != string(sandbox.JSON(c.of("DP2"))) {
		t.Errorf("body %s", second.Body)
	}
}
