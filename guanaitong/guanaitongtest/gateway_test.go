package guanaitongtest

import (
	"crypto"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every request of the vectors is sent as a client must send it: trimmed,
// without what is blank.
func TestRequestVectors(t *testing.T) {
	for _, v := range readVectors(t, true) {
		t.Run(v.Name, func(t *testing.T) {
			c := newClient(t)
			c.srv.Hash = v.hash()
			app := &c.srv.Caller
			path := vectorPath(v.Params)
			if strings.HasPrefix(path, "/seller/") {
				app = &c.srv.Seller
			}
			c.srv.Caller.ID, c.srv.Seller.ID = "90000001", "90000002"
			app.Secret = v.Secret
			at := mustInt(t, v.Params["timestamp"])
			c.at(time.Unix(at, 0))
			c.srv.tokens.put("00112233445566778899aabbccddeeff", &token{app: app.ID, created: time.Unix(at, 0)})
			c.srv.staff.issue("U0001", "AAAABBBBCCCCDDDDEEEEFFFF0000111122223333", time.Unix(at, 0))

			sent := map[string]string{}
			for name, value := range v.Params {
				if value = trim(value); value != "" && name != "_body" {
					sent[name] = value
				}
			}
			sent["sign"] = v.Sign
			r := c.request(path, sent)
			if body := v.Params["_body"]; body != "" {
				c.query = []string{"*"}
				r = c.raw(c.request(path, sent).URL.RequestURI(), "application/json", body)
			}
			a := c.read(r)
			if refused := a.Code == "1000210002"; refused == v.Valid {
				t.Errorf("valid %v, answer %s", v.Valid, a.body)
			}
			if v.Valid && path == PathPay && v.Params["account_openid"] != "ffeeddccbbaa99887766554433221100" {
				a.ok(t)
			}
			if path == PathToken {
				a.ok(t)
			}
		})
	}
}

// vectorPath tells an operation from its parameters.
func vectorPath(params map[string]string) string {
	for name, path := range map[string]string{
		"grant_type": PathToken, "auth_code": PathPay, "mobile": PathAuthCodeByMobile, "userid": PathAccounts,
		"outer_refund_no": PathRefund, "_body": "/seller/v3/pay/getResult",
	} {
		if params[name] != "" {
			return path
		}
	}
	return ""
}

func mustInt(t *testing.T, text string) (n int64) {
	t.Helper()
	for _, digit := range text {
		n = 10*n + int64(digit-'0')
	}
	return n
}

func TestPlacement(t *testing.T) {
	eachWay(t, func(c *client) {
		for i, query := range [][]string{nil, {"access_token", "timestamp", "version", "sign"}, {"*"}} {
			c.query = query
			c.pay(c.no(i), "attach", "a+b & 100%").ok(c.t)
			if o := c.order(c.no(i)); o.Attach != "a+b & 100%" {
				c.t.Errorf("order %+v", o)
			}
			r := c.srv.Requests(PathPay)[i]
			if got, want := strings.Contains(r.Query, "access_token="), query != nil; got != want {
				c.t.Errorf("query %s", r.Query)
			}
			if got, want := strings.Contains(string(r.Body), "auth_code="), i != 2; got != want {
				c.t.Errorf("body %s", r.Body)
			}
			if r.OrderNo != c.no(i) || r.Refused != "" || r.At.IsZero() {
				c.t.Errorf("request %+v", r)
			}
		}
		// An empty body needs no type.
		params := c.common(c.srv.Caller)
		maps.Copy(params, c.payment(c.no(9)))
		params["sign"] = sign(crypto.SHA1, params, c.srv.Caller.Secret)
		r := c.request(PathPay, params)
		r.Header.Del("Content-Type")
		c.read(r).ok(c.t)
	})
}

func TestCommonRules(t *testing.T) {
	now := time.Date(2099, 1, 2, 3, 4, 5, 999, time.UTC)
	at := func(d time.Duration) []string {
		return []string{"timestamp", (&client{srv: serverAt(now.Add(d))}).timestamp()}
	}
	for name, test := range map[string]struct {
		changes []string
		code    int64
		msg     string
	}{
		"good":                 {nil, 0, "OK"},
		"five minutes late":    {at(-5 * time.Minute), 0, "OK"},
		"five minutes early":   {at(5 * time.Minute), 0, "OK"},
		"too late":             {at(-5*time.Minute - time.Second), 1000210001, "timestamp: 301 seconds"},
		"too early":            {at(5*time.Minute + time.Second), 1000210001, "timestamp: -301 seconds"},
		"milliseconds":         {[]string{"timestamp", "4070995445000"}, 1000210001, "timestamp: "},
		"no number":            {[]string{"timestamp", "407099544x"}, 1000210001, "timestamp: must be"},
		"no timestamp":         {[]string{"timestamp", ""}, 1000210006, "timestamp: missing"},
		"no token":             {[]string{"access_token", ""}, 1000210006, "access_token: missing"},
		"unknown token":        {[]string{"access_token", "0"}, 1000210004, "access_token: "},
		"no version":           {[]string{"version", ""}, 0, "OK"},
		"long version":         {[]string{"version", "1.0.00"}, 1000220001, "version: "},
		"appid":                {[]string{"appid", "90000001"}, 0, "OK"},
		"appid of the seller":  {[]string{"appid", "90000002"}, 1000210003, "appid: "},
		"unknown appid":        {[]string{"appid", "1"}, 1000210003, "appid: "},
		"grant_type":           {[]string{"grant_type", "client_credential"}, 0, "OK"},
		"other grant_type":     {[]string{"grant_type", "password"}, 1000220002, "grant_type: "},
		"secret":               {[]string{"appsecret", "made-up"}, 1000210009, "appsecret: "},
		"blank secret":         {[]string{"appsecret", " "}, 1000210009, "appsecret: "},
		"_body":                {[]string{"_body", "{}"}, 1000220002, "_body: "},
		"blank parameter":      {[]string{"attach", " \t"}, 1000220002, "attach: blank: leave"},
		"trailing blank":       {[]string{"attach", "x "}, 1000220002, "attach: blank at"},
		"leading control":      {[]string{"attach", "\x01x"}, 1000220002, "attach: blank at"},
		"wide blank":           {[]string{"attach", "\u3000x\u00a0"}, 0, "OK"},
		"blank in a name":      {[]string{"attach ", "x"}, 1000220002, "attach : blank at"},
		"not UTF-8":            {[]string{"attach", "\xff"}, 1000220002, "attach: not UTF-8"},
		"unknown parameter":    {[]string{"acount_openid", "x"}, 1000220002, "acount_openid: not a parameter"},
		"unknown comes behind": {[]string{"acount_openid", "x", "point", "0"}, 1000220002, "point: "},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t)
			c.at(now)
			c.pay(c.no(1)).ok(t) // makes the token
			params := c.common(c.srv.Caller)
			maps.Copy(params, c.payment(c.no(2)))
			a := c.signed(c.srv.Caller, PathPay, change(params, test.changes...))
			if test.code == 0 {
				a.ok(t)
				return
			}
			a.refused(t, test.code, test.msg)
			if requests := c.srv.Requests(PathPay); !strings.Contains(requests[1].Refused, test.msg) {
				t.Errorf("on record as %q", requests[1].Refused)
			}
			if n := len(c.srv.Orders()); n != 1 {
				t.Errorf("%d orders", n)
			}
		})
	}
}

func serverAt(now time.Time) *Server {
	srv := NewUnstartedServer()
	srv.SetClock(func() time.Time { return now })
	return srv
}

func TestSignatureRules(t *testing.T) {
	c := newClient(t)
	params := c.common(c.srv.Caller)
	maps.Copy(params, c.payment(c.no(1)))
	good := sign(crypto.SHA1, params, c.srv.Caller.Secret)
	for name, wrong := range map[string]string{
		"zeros":         strings.Repeat("0", 40),
		"upper case":    strings.ToUpper(good),
		"cut":           good[:39],
		"long":          good + "0",
		"other app":     sign(crypto.SHA1, params, c.srv.Seller.Secret),
		"other hash":    sign(crypto.SHA256, params, c.srv.Caller.Secret),
		"other content": sign(crypto.SHA1, change(maps.Clone(params), "point", "12.5"), c.srv.Caller.Secret),
	} {
		params["sign"] = wrong
		a := c.read(c.request(PathPay, params))
		if a.Code != "1000210002" {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	delete(params, "sign")
	c.read(c.request(PathPay, params)).refused(t, 1000210006, "sign: missing")
	params["sign"] = good
	c.read(c.request(PathPay, params)).ok(t)
}

func TestHashes(t *testing.T) {
	for _, hash := range []crypto.Hash{crypto.SHA256, crypto.SHA512} {
		c := newClient(t)
		c.srv.Hash = hash
		c.pay(c.no(1)).ok(t)
		params := c.common(c.srv.Caller)
		params["sign"] = sign(crypto.SHA1, params, c.srv.Caller.Secret)
		c.read(c.request(PathPay, params)).refused(t, 1000210002, "sign: ")
	}
}

func TestHTTPRules(t *testing.T) {
	const form, textJSON = "application/x-www-form-urlencoded", "application/json"
	for name, test := range map[string]struct {
		change func(r *http.Request)
		body   string // behind the parameters
		code   int64
		msg    string
	}{
		"charset":    {func(r *http.Request) { r.Header.Set("Content-Type", form+"; charset=UTF-8") }, "", 0, ""},
		"gbk":        {func(r *http.Request) { r.Header.Set("Content-Type", form+"; charset=gbk") }, "", 1000220002, "Content-Type: charset"},
		"plain text": {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, "", 1000220002, "Content-Type: neither"},
		"no type":    {func(r *http.Request) { r.Header.Del("Content-Type") }, "", 1000220002, "Content-Type: neither"},
		"GET":        {func(r *http.Request) { r.Method = http.MethodGet }, "", 1000210012, "HTTP: method GET"},
		"path":       {func(r *http.Request) { r.URL.Path += "s" }, "", 1000210005, "/employee/checkUserAndToPays: "},
		"twice":      {func(*http.Request) {}, "&point=12.50", 1000220002, "point: sent twice"},
		"both":       {func(r *http.Request) { r.URL.RawQuery = "point=12.50" }, "", 1000220002, "point: sent twice"},
		"escape":     {func(*http.Request) {}, "&attach=%zz", 1000220002, "body: invalid URL escape"},
		"bad query":  {func(r *http.Request) { r.URL.RawQuery = "a;b" }, "", 1000220002, "query: "},
		"too much":   {func(*http.Request) {}, "&attach=" + strings.Repeat("x", 1<<20), 1000220002, "body: http: request body too large"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t)
			params := c.common(c.srv.Caller)
			maps.Copy(params, c.payment(c.no(1)))
			params["sign"] = sign(crypto.SHA1, params, c.srv.Caller.Secret)
			values := make(url.Values)
			for name, value := range params {
				values.Set(name, value)
			}
			r := c.raw(PathPay, form, values.Encode()+test.body)
			test.change(r)
			a := c.read(r)
			if test.code == 0 {
				a.ok(t)
				return
			}
			a.refused(t, test.code, test.msg)
		})
	}
	c := newClient(t)
	c.query = []string{"*"}
	params := c.common(c.srv.Seller)
	body := `{"outerTradeNo":"1"}`
	params["_body"] = body
	signature := sign(crypto.SHA1, params, c.srv.Seller.Secret)
	delete(params, "_body")
	params["sign"] = signature
	address := c.request("/seller/v3/pay/getResult", params).URL.RequestURI()
	c.read(c.raw(address, textJSON, body)).refused(t, 1000210005, "/seller/v3/pay/getResult: no such")
	c.read(c.raw(address, textJSON, body+" ")).refused(t, 1000210002, "sign: ")
}

// A pay call that is for the browser may be a GET, no other may.
func TestGet(t *testing.T) {
	c := newClient(t)
	c.srv.Redirects = true
	c.query = []string{"*"}
	get := func(path string, params map[string]string) answer {
		app := c.app(path)
		all := c.common(app)
		maps.Copy(all, params)
		all["sign"] = sign(crypto.SHA1, all, app.Secret)
		r := c.request(path, all)
		r.Method = http.MethodGet
		return c.read(r)
	}
	if a := get(PathPay, c.payment(c.no(1))); a.status != http.StatusFound {
		t.Errorf("status %d, %s", a.status, a.body)
	}
	c.state(c.no(1), StatusPaid, 12_50, 0)
	get(PathRecord, map[string]string{"outer_trade_no": c.no(1)}).refused(t, 1000210012, "HTTP: ")
}

func TestPermission(t *testing.T) {
	c := newClient(t)
	for _, path := range []string{
		PathPay, PathAuthCodeByMobile, PathAuthCodeByCorpCode, PathAuthCodeByEmail, PathAccounts, PathConsume, PathConsumeList,
		PathRecord, PathRefund, PathRefundRecord,
	} {
		other := c.srv.Seller
		if c.app(path) == other {
			other = c.srv.Caller
		}
		c.signed(other, path, c.common(other)).refused(t, 1000200051, path+": ")
		if a := c.signed(c.app(path), path, c.common(c.app(path))); a.Code == "1000200051" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	c.srv.Caller = c.srv.Seller
	c.signed(c.srv.Seller, PathRecord, c.common(c.srv.Seller)).refused(t, 1000210006, "outer_trade_no: ")
	c.signed(c.srv.Seller, PathPay, c.common(c.srv.Seller)).refused(t, 1000210015, "auth_code: ")
}

func TestToken(t *testing.T) {
	eachWay(t, func(c *client) {
		a := c.createToken(c.srv.Caller).ok(c.t)
		a.has(c.t, map[string]string{"expires_in": "3600"})
		if len(a.field("access_token")) != 32 || c.srv.Tokens() != 1 {
			c.t.Errorf("answer %s, %d tokens", a.body, c.srv.Tokens())
		}
		c.createToken(App{"1", "x"}).refused(c.t, 1000210003, "appid: unknown")
		c.createToken(App{c.srv.Caller.ID, "x"}).refused(c.t, 1000210002, "sign: ")
		c.signed(c.srv.Caller, PathToken, map[string]string{"timestamp": c.timestamp()}).refused(c.t, 1000210006, "appid: missing")
		c.signed(c.srv.Caller, PathToken, map[string]string{"timestamp": c.timestamp(), "appid": "90000001", "scope": "x"}).
			refused(c.t, 1000220002, "scope: ")
		c.signed(c.srv.Caller, PathToken, map[string]string{"timestamp": c.timestamp(), "appid": "90000001"}).ok(c.t)
		if c.srv.Tokens() != 2 {
			c.t.Errorf("%d tokens", c.srv.Tokens())
		}
	})
}

func TestTokenReplaces(t *testing.T) {
	for _, keep := range []bool{false, true} {
		c := newClient(t)
		c.srv.KeepTokens = keep
		c.token(c.srv.Caller)
		c.token(c.srv.Seller)
		c.createToken(c.srv.Caller).ok(t)
		a := c.pay(c.no(1))
		if keep {
			a.ok(t)
		} else {
			a.refused(t, 1000210004, "access_token: ")
		}
		// The other app's token is nobody's business.
		if a := c.call(PathRecord, map[string]string{"outer_trade_no": c.no(9)}); a.Code != "1000220002" {
			t.Errorf("answer %s", a.body)
		}
	}
}

func TestTokenExpires(t *testing.T) {
	c := newClient(t)
	now := time.Date(2099, 1, 2, 3, 4, 5, 0, time.UTC)
	c.at(now)
	c.token(c.srv.Caller)
	c.at(now.Add(time.Hour - time.Second))
	c.pay(c.no(1)).ok(t)
	c.at(now.Add(time.Hour))
	c.pay(c.no(2)).refused(t, 1000210004, "access_token: ")
	c.pay(c.no(2), "appid", c.srv.Caller.ID).refused(t, 1000210013, "access_token: ")
	delete(c.tokens, c.srv.Caller.ID)
	c.pay(c.no(2)).ok(t)
	c.srv.ExpireTokens()
	c.pay(c.no(3)).refused(t, 1000210004, "access_token: ")
	c.pay(c.no(3), "appid", c.srv.Caller.ID).refused(t, 1000210013, "access_token: ")
	c.createToken(c.srv.Caller).ok(t)
	c.pay(c.no(3), "appid", c.srv.Caller.ID).refused(t, 1000210004, "access_token: ")
	if c.srv.Tokens() != 3 {
		t.Errorf("%d tokens", c.srv.Tokens())
	}
}

func TestTokenLimit(t *testing.T) {
	c := newClient(t)
	now := time.Date(2099, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range 60 {
		c.at(now.Add(time.Duration(i) * time.Second))
		c.createToken(c.srv.Caller).ok(t)
	}
	c.createToken(c.srv.Caller).refused(t, 1000200052, "/token/create: ")
	c.createToken(c.srv.Seller).ok(t)
	c.at(now.Add(time.Hour - time.Second))
	c.createToken(c.srv.Caller).refused(t, 1000200052, "/token/create: ")
	c.at(now.Add(time.Hour))
	c.createToken(c.srv.Caller).ok(t)
	c.createToken(c.srv.Caller).refused(t, 1000200052, "/token/create: ")
	if n := c.srv.Tokens(); n != 62 {
		t.Errorf("%d tokens, want 62", n)
	}
}

func TestRequests(t *testing.T) {
	c := newClient(t)
	c.pay(c.no(1)).ok(t)
	c.pay(c.no(1)).refused(t, 1000220003, "outer_trade_no: ")
	var paths []string
	for _, r := range c.srv.Requests("") {
		paths = append(paths, r.Op)
	}
	if !slices.Equal(paths, []string{PathToken, PathPay, PathPay}) {
		t.Errorf("requests to %v", paths)
	}
	pays := c.srv.Requests(PathPay)
	if len(pays) != 2 || pays[0].Refused != "" || !strings.HasPrefix(pays[1].Refused, "1000220003 ") {
		t.Errorf("requests %+v", pays)
	}
}
