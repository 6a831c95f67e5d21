package fubeitest

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/duopay/duopay/internal/sandbox"
)

type vector struct {
	Name, Kind, Secret, Sign, Body string
	Params                         map[string]string
	Valid                          bool
}

func readVectors(t *testing.T, kind string) (found []vector) {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []vector }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Cases {
		if v.Kind == kind {
			found = append(found, v)
		}
	}
	if len(found) == 0 {
		t.Fatalf("no vectors of kind %s", kind)
	}
	return found
}

func TestRequestVectors(t *testing.T) {
	for _, v := range readVectors(t, "request") {
		t.Run(v.Name, func(t *testing.T) {
			c := newClient(t)
			path := "/gateway"
			if vendor := v.Params["vendor_sn"]; vendor != "" {
				c.srv.VendorSN, c.srv.VendorSecret = vendor, v.Secret
				path += "/agent"
			} else {
				c.srv.AppID, c.srv.Secret = v.Params["app_id"], v.Secret
			}
			sent := map[string]string{"sign": v.Sign}
			for name, value := range v.Params {
				if name != "sign" && value != "" {
					sent[name] = value
				}
			}
			_, body, err := c.do(c.request(path, sandbox.JSON(sent)))
			if err != nil {
				t.Fatal(err)
			}
			a := c.read(body)
			if refused := strings.HasPrefix(a.Message, "sign:"); refused == v.Valid {
				t.Errorf("valid %v, answer %s", v.Valid, body)
			}
			if v.Valid && v.Params["method"] == MethodSwipe {
				a.ok(t)
			}
		})
	}
}

// The vendor's requests are read up to their signature, then the method is
// not known.
func TestVendorLevel(t *testing.T) {
	c := newClient(t)
	params := c.params("fbpay.order.query", `{"merchant_id":1,"merchant_order_sn":"DP1"}`)
	delete(params, "app_id")
	params["vendor_sn"] = c.srv.VendorSN
	for secret, want := range map[string]string{c.srv.VendorSecret: "method: ", c.srv.Secret: "sign: "} {
		params["sign"] = sign(params, secret)
		_, body, err := c.do(c.request("/gateway/agent", sandbox.JSON(params)))
		if err != nil {
			t.Fatal(err)
		}
		if a := c.read(body); a.Code != "9996" || !strings.HasPrefix(a.Message, want) {
			t.Errorf("answer %s, want %s...", body, want)
		}
	}
}

func TestManualSample(t *testing.T) {
	eachWay(t, func(t *testing.T, c *client) {
		a := c.call(MethodSwipe, `{"attach":"订单:123456","store_id":25249,"cashier_id":151156,`+
			`"merchant_order_sn":"201704191492587335309","total_fee":100,"type":1,`+
			`"auth_code":"130784921069830971","discount_switch":1}`).ok(t)
		a.has(t, map[string]string{
			"merchant_order_sn": "201704191492587335309", "trade_state": "SUCCESS",
			"total_fee": "100.00", "order_price": "100.00", "discount_money": "0.00", "buyer_pay_amount": "100.00",
			"fee": "0.38", "net_money": "99.62", "cash_coupon_fee": "0.00", "no_cash_coupon_fee": "0.00",
			"type": "1", "attach": "订单:123456", "store_id": "25249", "cashier_id": "151156",
			"device_no": "", "body": "", "user_id": "made-up-open-id", "user_logon_id": "",
		})
		o := c.order("201704191492587335309")
		if len(o.OrderSN) != 20 || len(o.TradeNo) > 32 || o.AmountFen != 100_00 || o.Method != MethodSwipe {
			t.Errorf("order %+v", o)
		}
		a.has(t, map[string]string{
			"order_sn": o.OrderSN, "trade_no": o.TradeNo, "platform_order_no": "4200" + o.TradeNo,
			"pay_time": json.Number(sandbox.JSON(o.PaidAt.Unix())).String(),
		})
		c.state("201704191492587335309", "SUCCESS", 100_00, 0)
	})
}

func TestReplyKeepsTheManualsOrder(t *testing.T) {
	c := newClient(t)
	_, body, err := c.raw(MethodSwipe, swipeBiz("DP1", "1.00"))
	if err != nil {
		t.Fatal(err)
	}
	rest, found := body, false
	for _, name := range []string{"result_code", "data", "merchant_order_sn", "trade_state", "total_fee", "platform_order_no", "result_message"} {
		if _, rest, found = strings.Cut(rest, `"`+name+`":`); !found {
			t.Fatalf("%s is out of order in %s", name, body)
		}
	}
}

func TestEnvelopeRules(t *testing.T) {
	query := of("DP1")
	for name, test := range map[string]struct {
		change func(p map[string]string)
		want   string
	}{
		"no app_id":          {func(p map[string]string) { delete(p, "app_id") }, "app_id: missing"},
		"both levels":        {func(p map[string]string) { p["vendor_sn"] = "2099010100000000002a" }, "app_id: sent together"},
		"unknown app_id":     {func(p map[string]string) { p["app_id"] = "1" }, "app_id: unknown"},
		"unknown vendor_sn":  {func(p map[string]string) { delete(p, "app_id"); p["vendor_sn"] = "1" }, "vendor_sn: unknown"},
		"empty parameter":    {func(p map[string]string) { p["vendor_sn"] = "" }, "vendor_sn: empty"},
		"no method":          {func(p map[string]string) { delete(p, "method") }, "method: missing"},
		"unknown method":     {func(p map[string]string) { p["method"] = "openapi.payment.order.query2" }, "method: "},
		"upper-case method":  {func(p map[string]string) { p["method"] = "OPENAPI.payment.order.query" }, "method: "},
		"vendor's method":    {func(p map[string]string) { p["method"] = "fbpay.order.query" }, "HTTP: path"},
		"no format":          {func(p map[string]string) { delete(p, "format") }, "format: must be json"},
		"no sign_method":     {func(p map[string]string) { delete(p, "sign_method") }, "sign_method: must be md5"},
		"upper-case md5":     {func(p map[string]string) { p["sign_method"] = "MD5" }, "sign_method: must be md5"},
		"version 2.0":        {func(p map[string]string) { p["version"] = "2.0" }, "version: must be 1.0"},
		"no nonce":           {func(p map[string]string) { delete(p, "nonce") }, "nonce: missing"},
		"no biz_content":     {func(p map[string]string) { delete(p, "biz_content") }, "biz_content: missing"},
		"biz_content array":  {func(p map[string]string) { p["biz_content"] = "[]" }, "biz_content: not a JSON object"},
		"biz_content twice":  {func(p map[string]string) { p["biz_content"] = query + query }, "biz_content: something follows"},
		"biz_content broken": {func(p map[string]string) { p["biz_content"] = `{"a":1` }, "biz_content: "},
		"field twice":        {func(p map[string]string) { p["biz_content"] = `{"a":1,"a":1}` }, `biz_content: "a" occurs twice`},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t)
			params := c.params(MethodQuery, query)
			test.change(params)
			params["sign"] = sign(params, c.srv.Secret)
			status, body, err := c.do(c.request("/gateway", sandbox.JSON(params)))
			if err != nil || status != http.StatusOK {
				t.Fatalf("status %d, %v", status, err)
			}
			a := c.read(body)
			if a.Code != "9996" || !strings.HasPrefix(a.Message, test.want) {
				t.Errorf("answer %s, want %q", body, test.want)
			}
			requests := c.srv.Requests(params["method"])
			if len(requests) != 1 || requests[0].Refused != a.Message {
				t.Errorf("requests %+v, want the refusal on record", requests)
			}
		})
	}
}

func TestSignatureRules(t *testing.T) {
	c := newClient(t)
	for name, change := range map[string]func(good string) string{
		"wrong":      func(string) string { return strings.Repeat("0", 32) },
		"lower case": strings.ToLower,
		"cut":        func(good string) string { return good[:31] },
		"long":       func(good string) string { return good + "0" },
	} {
		params := c.params(MethodQuery, of("DP1"))
		params["sign"] = change(sign(params, c.srv.Secret))
		_, body, err := c.do(c.request("/gateway", sandbox.JSON(params)))
		if err != nil {
			t.Fatal(err)
		}
		if a := c.read(body); a.Code != "9996" || !strings.HasPrefix(a.Message, "sign: ") {
			t.Errorf("%s: answer %s", name, body)
		}
	}
}

func TestHTTPRules(t *testing.T) {
	c := newClient(t)
	good := func() *http.Request {
		params := c.params(MethodTime, "{}")
		params["sign"] = sign(params, c.srv.Secret)
		return c.request("/gateway", sandbox.JSON(params))
	}
	body := func(text string) *http.Request { return c.request("/gateway", []byte(text)) }
	set := func(name, value string) *http.Request {
		r := good()
		r.Header.Set(name, value)
		return r
	}
	get, elsewhere, agent := good(), good(), good()
	get.Method = http.MethodGet
	elsewhere.URL.Path = "/"
	agent.URL.Path = "/gateway/agent"
	for name, test := range map[string]struct {
		request *http.Request
		want    string
	}{
		"good":           {good(), "成功"},
		"no charset":     {set("Content-Type", "application/json"), "成功"},
		"GET":            {get, "HTTP: method GET"},
		"path":           {elsewhere, "HTTP: path /"},
		"agent's path":   {agent, "HTTP: path /gateway/agent"},
		"form":           {set("Content-Type", "application/x-www-form-urlencoded"), "Content-Type: "},
		"no type":        {set("Content-Type", ""), "Content-Type: "},
		"gbk":            {set("Content-Type", "application/json; charset=gbk"), "Content-Type: charset"},
		"empty":          {body(""), "body: not a JSON object"},
		"array":          {body("[]"), "body: not a JSON object"},
		"tail":           {body("{}{}"), "body: something follows"},
		"not UTF-8":      {body("{\"a\":\"\xff\"}"), "body: not UTF-8"},
		"twice":          {body(`{"nonce":"1","nonce":"2"}`), `body: "nonce" occurs twice`},
		"number":         {body(`{"nonce":1}`), "nonce: must be a JSON string, is 1"},
		"object":         {body(`{"biz_content":{"a":1}}`), "biz_content: must be a JSON string"},
		"null":           {body(`{"nonce":null}`), "nonce: must be a JSON string"},
		"broken":         {body(`{"nonce":"1",}`), "body: "},
		"more than 1 MB": {body(`{"nonce":"` + strings.Repeat("n", 1<<20) + `"}`), "body: http: request body too large"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body, err := c.do(test.request)
			if err != nil || status != http.StatusOK {
				t.Fatalf("status %d, %v", status, err)
			}
			if a := c.read(body); !strings.HasPrefix(a.Message, test.want) {
				t.Errorf("answer %s, want %q", body, test.want)
			}
		})
	}
}

func TestRequests(t *testing.T) {
	c := newClient(t)
	c.swipe("DP1", "1.00").ok(t)
	c.call(MethodQuery, of("DP1")).ok(t)
	c.call(MethodQuery, of("DP2"))
	queries := c.srv.Requests(MethodQuery)
	if len(queries) != 2 || len(c.srv.Requests("")) != 3 {
		t.Fatalf("%d queries of %d requests", len(queries), len(c.srv.Requests("")))
	}
	second := queries[1]
	if second.OrderNo != "DP2" || second.Refused == "" || queries[0].Refused != "" || second.At.IsZero() {
		t.Errorf("queries %+v", queries)
	}
	if !strings.Contains(string(second.Body), `"method":"openapi.payment.order.query"`) {
		t.Errorf("body %s", second.Body)
	}
}
