package guanaitongtest

import (
	"crypto"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// vector is a case of testdata/vectors.json.
type vector struct {
	Name, Kind, Alg, Secret, Sign, Raw, Reason string
	Params, Secrets                            map[string]string
	Text                                       string `json:"string_to_sign"`
	Valid                                      bool
	At                                         int64 `json:"verify_at"`
	Past                                       int64 `json:"max_past_seconds"`
	Future                                     int64 `json:"max_future_seconds"`
}

func (v vector) hash() crypto.Hash {
	return map[string]crypto.Hash{"": crypto.SHA1, "SHA256": crypto.SHA256, "SHA512": crypto.SHA512}[v.Alg]
}

// readVectors returns the vectors of one kind, or of all callbacks.
func readVectors(t *testing.T, request bool) (found []vector) {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases    []vector
		Optional []vector `json:"optional_cases"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range slices.Concat(file.Cases, file.Optional) {
		if request == (v.Kind == "request") {
			found = append(found, v)
		}
	}
	if len(found) < 16 {
		t.Fatalf("%d vectors", len(found))
	}
	return found
}

// merchant verifies callbacks as a careful merchant does.
type merchant struct {
	secrets      map[string]string
	hash         crypto.Hash
	now          int64
	past, future int64
}

var (
	goodName   = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	control    = regexp.MustCompile(`[\x00-\x1f\x7f]`)
	goodAmount = regexp.MustCompile(`^[0-9]{1,8}(\.[0-9]{1,2})?$`)
	goodTime   = regexp.MustCompile(`^[0-9]{10}$`)
	goodResult = regexp.MustCompile(`^(success|fail)$`)
	goodSign   = regexp.MustCompile(`^[0-9a-fA-F]+$`)
)

// required are the fields of a callback and what they look like.
var required = map[string]map[string]*regexp.Regexp{
	"notify": {
		"appid": goodName, "outer_trade_no": goodName, "buyer_open_id": goodName, "total_amount": goodAmount,
		"trade_no": goodName, "timestamp": goodTime, "sign": goodSign,
	},
	"refund": {
		"appid": goodName, "outer_trade_no": goodName, "outer_refund_no": goodName, "refund_amount": goodAmount,
		"trade_no": goodName, "timestamp": goodTime, "sign": goodSign,
	},
	"return": {"appid": goodName, "outer_trade_no": goodName, "pay_result": goodResult, "timestamp": goodTime, "sign": goodSign},
}

// verify returns why a callback is refused, "" if it is good.
func (m merchant) verify(kind, raw string) (params map[string]string, reason string) {
	params, ok := parse(raw)
	if !ok {
		return nil, "malformed"
	}
	for name, form := range required[kind] {
		if !form.MatchString(params[name]) {
			return nil, "malformed"
		}
	}
	if len(params["sign"]) != 2*m.hash.Size() {
		return nil, "malformed"
	}
	secret, known := m.secrets[params["appid"]]
	if !known {
		return nil, "unknown_app"
	}
	if got := strings.ToLower(params["sign"]); got != sign(m.hash, params, secret) && got != m.keepingBlanks(params, secret) {
		return nil, "bad_signature"
	}
	if at, _ := strconv.ParseInt(params["timestamp"], 10, 64); at < m.now-m.past || at > m.now+m.future {
		return nil, "stale_timestamp"
	}
	return params, ""
}

// parse reads a callback, if it is fit for a check of its signature.
func parse(raw string) (params map[string]string, ok bool) {
	values, err := url.ParseQuery(raw)
	params = make(map[string]string)
	for name := range values {
		value := values.Get(name)
		params[name] = value
		if len(values[name]) > 1 || !goodName.MatchString(name) || name == "appsecret" ||
			!utf8.ValidString(value) || control.MatchString(value) || name != "attach" && strings.Contains(value, "&") {
			return nil, false
		}
	}
	return params, err == nil
}

// keepingBlanks signs what is blank as well.
func (m merchant) keepingBlanks(params map[string]string, secret string) string {
	digest := m.hash.New()
	digest.Write([]byte(naive(params, secret)))
	return hex.EncodeToString(digest.Sum(nil))
}

// naive is the text of a signature as one writes it down at the first try.
func naive(params map[string]string, secret string) string {
	var pairs []string
	for name, value := range params {
		if name != "sign" {
			pairs = append(pairs, name+"="+value)
		}
	}
	pairs = append(pairs, "appsecret="+secret)
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// believes reports whether a merchant who checks nothing but the digest
// believes a callback. Of a field that occurs twice, the first counts.
func believes(raw string, app App) bool {
	values, err := url.ParseQuery(raw)
	params := make(map[string]string)
	for name := range values {
		params[name] = values.Get(name)
	}
	sum := sha1.Sum([]byte(naive(params, app.Secret)))
	return err == nil && strings.EqualFold(hex.EncodeToString(sum[:]), params["sign"])
}

func TestSignatureVectors(t *testing.T) {
	for _, v := range slices.Concat(readVectors(t, true), readVectors(t, false)) {
		if strings.Contains(v.Name, "keeps_blank") {
			continue // the provider's other way; see TestCallbackVectors
		}
		if got := signable(v.Params, v.Secret); got != v.Text {
			t.Errorf("%s:\n%s, want\n%s", v.Name, got, v.Text)
		}
		params := maps.Clone(v.Params)
		params["sign"] = v.Sign
		secret := v.Secret
		if signed(v.hash(), params, secret) != (v.Valid || v.Reason == "unknown_app" || v.Reason == "stale_timestamp" || v.wellSigned()) {
			t.Errorf("%s: sign %s, %s is presented, valid %v", v.Name, sign(v.hash(), params, secret), v.Sign, v.Valid)
		}
	}
}

// wellSigned reports whether a message is refused for another reason than its
// signature.
func (v vector) wellSigned() bool {
	return v.Reason == "malformed" && len(v.Sign) == 40
}

// The merchant of these tests is a judge: here is the judge judged.
func TestCallbackVectors(t *testing.T) {
	for _, v := range readVectors(t, false) {
		m := merchant{v.Secrets, v.hash(), v.At, v.Past, v.Future}
		if m.secrets == nil {
			m.secrets = map[string]string{"90000002": v.Secret}
		}
		if _, reason := m.verify(v.Kind, v.Raw); reason != v.Reason || v.Valid != (reason == "") {
			t.Errorf("%s: refused as %q, want %q", v.Name, reason, v.Reason)
		}
	}
}
