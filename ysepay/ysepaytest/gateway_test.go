package ysepaytest

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

type vector struct {
	ID, Kind, Charset, Body string
	SignType                string `json:"sign_type"`
	PrivateKey              string `json:"private_key"`
	Params                  map[string]string
	Expect                  struct {
		Valid             bool
		SignString        string `json:"sign_string"`
		SignBytes         string `json:"sign_bytes_hex"`
		Sign              string
		ValidSignatures   []string                `json:"valid_signatures"`
		InvalidSignatures []struct{ Sign string } `json:"invalid_signatures"`
		FormBody          string                  `json:"form_body"`
	}
}

type value struct {
	V  string
	OK bool
}

type vectors struct {
	Cases      []vector
	Validation struct {
		Now        time.Time
		OrderNo    []value `json:"combine_out_trade_no"`
		SubOrderNo []value `json:"out_trade_no"`
		Timeout    []value `json:"timeout_express"`
		Amount     []value
		Sums       []struct {
			Total string
			Subs  []string
			OK    bool
		} `json:"order_sums"`
	}
}

func readVectors(t *testing.T) (file vectors) {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	return file
}

func (file vectors) of(t *testing.T, kind string) []vector {
	t.Helper()
	found := slices.DeleteFunc(slices.Clone(file.Cases), func(v vector) bool { return v.Kind != kind })
	if len(found) == 0 {
		t.Fatalf("no vectors of kind %s", kind)
	}
	return found
}

const badSign = "isv.invalid-signature"

func TestRequestVectors(t *testing.T) {
	for _, v := range readVectors(t).of(t, "sign_request") {
		t.Run(v.ID, func(t *testing.T) {
			c := newClient(t)
			c.signType = v.SignType
			c.charset = charset(v.Charset)
			if text := signText(c.encode(v.Params)); hex.EncodeToString(text) != v.Expect.SignBytes {
				t.Errorf("signed text %q, want %q", text, v.Expect.SignString)
			}
			if v.Expect.Sign != "" {
				judge(c, v, v.Expect.Sign, true)
			}
			for _, sign := range v.Expect.ValidSignatures {
				judge(c, v, sign, true)
			}
			for _, bad := range v.Expect.InvalidSignatures {
				judge(c, v, bad.Sign, false)
			}
			// A blank parameter is not part of what is signed, all others are.
			for name, accepted := range map[string]bool{"x_blank": true, "x_more": false} {
				sent, err := url.ParseQuery(v.Expect.FormBody)
				if err != nil {
					t.Fatal(err)
				}
				sent.Set(name, map[bool]string{true: " \t", false: "0"}[accepted])
				if got := c.callBody(sent.Encode()).data["sub_code"] != badSign; got != accepted {
					t.Errorf("with %s: accepted %v", name, got)
				}
			}
		})
	}
}

// judge sends a vector's own form body with one of its signatures.
func judge(c *client, v vector, sign string, accepted bool) {
	c.t.Helper()
	form, err := url.ParseQuery(v.Expect.FormBody)
	if err != nil {
		c.t.Fatal(err)
	}
	body := strings.Replace(v.Expect.FormBody,
		strings.ReplaceAll(url.QueryEscape(form.Get("sign")), "+", "%20"), url.QueryEscape(sign), 1)
	if form.Get("sign") != sign && body == v.Expect.FormBody {
		c.t.Fatal("the signature was not replaced")
	}
	if a := c.callBody(body); (a.data["sub_code"] != badSign) != accepted {
		c.t.Errorf("accepted %v: %s", accepted, a.text)
	}
}

// The two whole orders among the vectors are taken.
func TestVectorOrders(t *testing.T) {
	taken := 0
	for _, v := range readVectors(t).of(t, "sign_request") {
		if !strings.HasSuffix(v.ID, "combine-pay-chinese") {
			continue
		}
		taken++
		c := newClient(t)
		c.signType = v.SignType
		c.callBody(v.Expect.FormBody).ok(t).has(t, map[string]string{
			"combine_out_trade_no": `"20240520DP0000000002"`, "trade_status": `"WAIT_BUYER_PAY"`,
			"total_amount": `"30.50"`, "extra_common_param": `"渠道=小程序&批次=7"`,
		})
		if o := c.order("20240520DP0000000002"); o.Subject != "端午礼盒 & 粽子(6只装)" || len(o.SubOrders) != 2 || o.AmountFen != 30_50 {
			t.Errorf("order %+v", o)
		}
	}
	if taken != 2 {
		t.Errorf("%d orders among the vectors, want 2", taken)
	}
}

func TestSignTypesAndCharsets(t *testing.T) {
	for _, signType := range []string{"RSA", "SM"} {
		for _, cs := range []charset{utf8Charset, gbkCharset} {
			t.Run(signType+" "+string(cs), func(t *testing.T) {
				eachWay(t, func(c *client) {
					c.signType, c.charset = signType, cs
					// The second byte of 乗 in GBK is that of a backslash.
					a := c.call(MethodPay, payBiz(orderNo, [2]string{"extra_common_param", `"乗\\\""`})).ok(c.t)
					a.has(c.t, map[string]string{"extra_common_param": `"乗\\\""`})
					c.call(MethodQuery, combined("20240520DP9")).refused(c.t, "40004", "ACQ.QUERY_NO_RESULT", "查询无记录")
				})
			})
		}
	}
}

func TestLayouts(t *testing.T) {
	c := newClient(t)
	name := nodeName(MethodQuery)
	for _, want := range []string{
		`{"sign":"S",` + `"` + name + `":N}`,
		`{"` + name + `":N,"sign":"S"}`,
		`{"sign":"S","` + name + `":N,"trace":{"sign":"not this one"}}`,
		`{"sign":"S","` + name + `":N}`,
	} {
		_, body, err := c.raw(MethodQuery, combined(orderNo))
		if err != nil {
			t.Fatal(err)
		}
		a := c.read(body)
		got := strings.Replace(strings.Replace(body, a.text, "N", 1), a.sign, "S", 1)
		if got != want || !c.verified(a) {
			t.Errorf("answer %s, want %s", got, want)
		}
	}
}

func TestCommonParameters(t *testing.T) {
	const invalid, missing = "isv.invalid-parameter", "isv.missing-parameter"
	type params = map[string]string
	for name, test := range map[string]struct {
		method  string
		change  func(p params)
		subCode string
		about   string
	}{
		"no partner_id":        {MethodQuery, func(p params) { delete(p, "partner_id") }, missing, "partner_id: missing"},
		"blank partner_id":     {MethodQuery, func(p params) { p["partner_id"] = " " }, missing, "partner_id: missing"},
		"other partner_id":     {MethodQuery, func(p params) { p["partner_id"] = "dp_partner_02" }, invalid, "partner_id: unknown"},
		"no charset":           {MethodQuery, func(p params) { delete(p, "charset") }, missing, "charset: missing"},
		"GB2312":               {MethodQuery, func(p params) { p["charset"] = "GB2312" }, invalid, "charset: must be"},
		"no method":            {MethodQuery, func(p params) { delete(p, "method") }, missing, "method: missing"},
		"unknown method":       {MethodQuery, func(p params) { p["method"] += "2" }, invalid, "method: "},
		"no timestamp":         {MethodQuery, func(p params) { delete(p, "timestamp") }, missing, "timestamp: missing"},
		"short timestamp":      {MethodQuery, func(p params) { p["timestamp"] = "2024-05-20 10:2:30" }, invalid, "timestamp: not"},
		"compact timestamp":    {MethodQuery, func(p params) { p["timestamp"] = "20240520102030" }, invalid, "timestamp: not"},
		"timestamp in UTC":     {MethodQuery, func(p params) { p["timestamp"] = "2024-05-20 02:20:30" }, invalid, "timestamp: 8h0m0s off"},
		"timestamp too late":   {MethodQuery, func(p params) { p["timestamp"] = "2024-05-20 10:30:31" }, invalid, "timestamp: -10m1s off"},
		"no version":           {MethodQuery, func(p params) { delete(p, "version") }, missing, "version: missing"},
		"version 3.5":          {MethodQuery, func(p params) { p["version"] = "3.5" }, invalid, "version: must be 3.0"},
		"version 3.5 of close": {MethodClose, func(p params) { p["version"] = "3.5" }, invalid, "version: must be 3.0"},
		"version 3":            {MethodSubQuery, func(p params) { p["version"] = "3" }, invalid, "version: not"},
		"version and line end": {MethodSubQuery, func(p params) { p["version"] = "3.0\n" }, invalid, "version: not"},
		"tran_type":            {MethodQuery, func(p params) { p["tran_type"] = "1" }, invalid, "tran_type: not a parameter"},
		"tran_type 3":          {MethodPay, func(p params) { p["tran_type"] = "3" }, invalid, "tran_type: must be"},
		"notify_url":           {MethodQuery, func(p params) { p["notify_url"] = "https://e.com" }, invalid, "notify_url: not a parameter"},
		"no notify_url":        {MethodPay, func(p params) { delete(p, "notify_url") }, missing, "notify_url: missing"},
		"long notify_url":      {MethodPay, func(p params) { p["notify_url"] = "https://e.com/" + strings.Repeat("n", 177) }, invalid, "notify_url: longer"},
		"relative notify_url":  {MethodPay, func(p params) { p["notify_url"] = "https://e.com,/notify" }, invalid, "notify_url: \"/notify\""},
		"ftp notify_url":       {MethodPay, func(p params) { p["notify_url"] = "ftp://e.com" }, invalid, "notify_url: "},
		"empty notify_url":     {MethodPay, func(p params) { p["notify_url"] = "https://e.com," }, invalid, "notify_url: \"\""},
		"blank parameter":      {MethodPay, func(p params) { p["tran_type"] = " " }, invalid, "tran_type: empty"},
		"return_url":           {MethodPay, func(p params) { p["return_url"] = "https://e.com" }, invalid, "return_url: not a common parameter"},
		"not UTF-8":            {MethodQuery, func(p params) { p["biz_content"] = "{\"a\":\"\xd6\xd0\"}" }, invalid, "biz_content: not UTF-8"},
		"no biz_content":       {MethodQuery, func(p params) { delete(p, "biz_content") }, missing, "biz_content: missing"},
		"biz_content array":    {MethodQuery, func(p params) { p["biz_content"] = "[]" }, invalid, "biz_content: not a JSON object"},
		"biz_content broken":   {MethodQuery, func(p params) { p["biz_content"] = `{"a":1,` }, invalid, "biz_content: "},
		"biz_content name":     {MethodQuery, func(p params) { p["biz_content"] = `{a":1}` }, invalid, "biz_content: "},
		"biz_content value":    {MethodQuery, func(p params) { p["biz_content"] = `{"a":}` }, invalid, "biz_content: "},
		"biz_content twice":    {MethodQuery, func(p params) { p["biz_content"] = "{}{}" }, invalid, "biz_content: something follows"},
		"member twice":         {MethodQuery, func(p params) { p["biz_content"] = `{"a":1,"a":1}` }, invalid, `biz_content: "a" occurs twice`},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t)
			params := c.params(test.method, combined(orderNo))
			if test.method == MethodPay {
				params["biz_content"] = payBiz(orderNo)
			}
			test.change(params)
			a := c.callWith(params)
			code := map[string]string{missing: "40001", invalid: "40002"}[test.subCode]
			a.refused(t, code, test.subCode, test.about)
			wantNode := nodeName(test.method)
			if params["method"] != test.method {
				wantNode = "unknow_response"
			}
			if a.node != wantNode {
				t.Errorf("node %s, want %s", a.node, wantNode)
			}
			requests := c.srv.Requests("")
			if len(requests) != 1 || requests[0].Op != params["method"] || requests[0].Refused != a.data["sub_msg"] {
				t.Errorf("requests %+v, want the refusal on record", requests)
			}
			if orders := c.srv.Orders(); orders != nil {
				t.Errorf("made %+v", orders)
			}
		})
	}
}

func TestCommonParametersAccepted(t *testing.T) {
	for name, change := range map[string]func(p map[string]string){
		"utf-8":       func(p map[string]string) { p["charset"] = "utf-8" },
		"tran_type 1": func(p map[string]string) { p["tran_type"] = "1" },
		"tran_type 2": func(p map[string]string) { p["tran_type"] = "2" },
		"late":        func(p map[string]string) { p["timestamp"] = "2024-05-20 10:10:30" },
		"early":       func(p map[string]string) { p["timestamp"] = "2024-05-20 10:30:30" },
		"190 bytes":   func(p map[string]string) { p["notify_url"] = "https://e.com/" + strings.Repeat("n", 176) },
		"three": func(p map[string]string) {
			p["notify_url"] = "https://e.com?a=1&b=2,http://127.0.0.1:80/x,https://e.com/a%2Cb"
		},
		"other version": func(p map[string]string) {
			p["method"], p["version"], p["biz_content"] = MethodSubQuery, "3.5", part(subNo)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t)
			params := c.params(MethodPay, payBiz(orderNo))
			change(params)
			if params["method"] == MethodSubQuery {
				delete(params, "notify_url")
				c.call(MethodPay, payBiz(orderNo)).ok(t)
			}
			c.callWith(params).ok(t)
		})
	}
}

func TestSignatureRules(t *testing.T) {
	for _, signType := range []string{"RSA", "SM"} {
		c := newClient(t)
		c.signType = signType
		params := c.signed(c.params(MethodQuery, combined(orderNo)))
		p, _ := c.srv.pair(signType)
		for name, test := range map[string]struct {
			sign, about string
		}{
			"not base64":    {"%%%", "sign: not base64"},
			"other key":     {encodeSign(p.platform.sign(signText(params))), "sign: not the signature"},
			"other text":    {encodeSign(p.merchant.sign([]byte("other"))), "sign: not the signature"},
			"cut":           {params["sign"][:40], "sign: not the signature"},
			"plus as space": {"a b+", "sign: holds a space"},
			"raw SM2":       {encodeSign(make([]byte, 64)), "sign: not the signature"},
		} {
			t.Run(signType+" "+name, func(t *testing.T) {
				c.t = t
				sent := maps.Clone(params)
				sent["sign"] = test.sign
				c.callBody(formBody(sent)).refused(t, "40002", badSign, test.about)
			})
		}
		delete(params, "sign")
		c.t = t
		c.callBody(formBody(params)).refused(t, "40001", "isv.missing-parameter", "sign: missing")
	}
}

// Without a known sign_type nobody can tell which key to sign with.
func TestUnknownSignType(t *testing.T) {
	c := newClient(t)
	for name, about := range map[string]string{"": "sign_type: missing", "MD5": "sign_type: must be", "rsa": "sign_type: must be"} {
		params := c.signed(c.params(MethodQuery, combined(orderNo)))
		params["sign_type"] = name
		_, body, err := c.do(c.request("/gateway.do", formBody(params)))
		if err != nil {
			t.Fatal(err)
		}
		a := c.read(body)
		if message, _ := a.data["sub_msg"].(string); !strings.HasPrefix(message, about) || len(a.names) > 2 || slices.Contains(a.names, "sign") {
			t.Errorf("sign_type %q: %s", name, body)
		}
	}
	// Nor do the faults of the reply make a signature.
	params := c.params(MethodQuery, combined(orderNo))
	delete(params, "sign_type")
	for _, test := range replyFaults {
		c.srv.Next(MethodQuery, test.fault)
		_, body, err := c.do(c.request("/gateway.do", formBody(params)))
		if a := c.read(body); err != nil || c.verified(a) || a.data["code"] != "40001" {
			t.Errorf("%v: %s, %v", test.fault, body, err)
		}
	}
}

func TestHTTPRules(t *testing.T) {
	c := newClient(t)
	good := func(path string) *http.Request {
		return c.request(path, formBody(c.signed(c.params(MethodQuery, combined(orderNo)))))
	}
	set := func(contentType string) *http.Request {
		r := good("/gateway.do")
		r.Header.Set("Content-Type", contentType)
		return r
	}
	body := func(text string) *http.Request { return c.request("/gateway.do", "sign_type=SM&"+text) }
	get := good("/gateway.do")
	get.Method = http.MethodGet
	for name, test := range map[string]struct {
		request *http.Request
		about   string
	}{
		"good":           {good("/gateway.do"), "查询无记录"},
		"prefix":         {good("/openapi_gateway/gateway.do"), "查询无记录"},
		"charset":        {set("application/x-www-form-urlencoded; charset=utf-8"), "查询无记录"},
		"GET":            {get, "HTTP: method GET"},
		"path":           {good("/"), "HTTP: path /"},
		"query":          {good("/gateway.do?a=1"), "HTTP: parameters"},
		"other charset":  {set("application/x-www-form-urlencoded; charset=GBK"), "Content-Type: charset GBK"},
		"JSON":           {set("application/json"), "Content-Type: must be"},
		"no type":        {set(""), "Content-Type: must be"},
		"twice":          {body("method=1&method=1"), "method: occurs 2 times"},
		"no form":        {body("a=%zz"), "body: "},
		"more than 1 MB": {body("a=" + strings.Repeat("a", 1<<20)), "body: http: request body too large"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body, err := c.do(test.request)
			if err != nil || status != http.StatusOK {
				t.Fatalf("status %d, %v", status, err)
			}
			if message, _ := c.read(body).data["sub_msg"].(string); !strings.HasPrefix(message, test.about) {
				t.Errorf("answer %s, want %q", body, test.about)
			}
		})
	}
}

func TestGBKThatIsNone(t *testing.T) {
	c := newClient(t)
	c.charset = gbkCharset
	params := c.params(MethodQuery, "")
	sent := c.encode(params)
	sent["biz_content"] = "{\"combine_out_trade_no\":\"\xff\xff\"}"
	p, _ := c.srv.pair(c.signType)
	sent["sign"] = encodeSign(p.merchant.sign(signText(sent)))
	c.callBody(formBody(sent)).refused(t, "40002", "isv.invalid-parameter", "biz_content: not GBK")
}

// In UTF-8 these two bytes would be a no-break space.
func TestGBKBlank(t *testing.T) {
	if got := string(signText(map[string]string{"a": "\xc2\xa0", "b": "\t \r\n", "c": "", "d": "0", "sign": "x"})); got != "a=\xc2\xa0&d=0" {
		t.Errorf("signed text %q", got)
	}
}

func TestRequests(t *testing.T) {
	c := newClient(t)
	c.paid()
	c.call(MethodQuery, combined(orderNo)).ok(t)
	c.call(MethodSubQuery, part("20240520DP2-1"))
	c.call(MethodRefundQuery, `{"trade_no":"1","out_request_no":"R1"}`)
	if n := len(c.srv.Requests("")); n != 4 {
		t.Fatalf("%d requests, want 4", n)
	}
	queries := append(c.srv.Requests(MethodQuery), c.srv.Requests(MethodSubQuery)...)
	if len(queries) != 2 || queries[0].OrderNo != orderNo || queries[1].OrderNo != "20240520DP2-1" ||
		queries[0].Refused != "" || queries[1].Refused == "" || !queries[0].At.Equal(c.now) {
		t.Errorf("queries %+v", queries)
	}
	if form, err := url.ParseQuery(string(queries[0].Body)); err != nil || form.Get("method") != MethodQuery {
		t.Errorf("body %s", queries[0].Body)
	}
	if last := c.srv.Requests(MethodRefundQuery)[0]; last.OrderNo != "" {
		t.Errorf("order number %s of a request without one", last.OrderNo)
	}
}
