package guanaitongtest

import (
	"crypto"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// The two attacks on a signature whose text does not mark where values end.
// Neither uses the secret, except to make the genuine signature that the
// attacker has seen.

// recut makes a message of what was signed for a return page. The payer of that
// page's order chose its attach so that
//
//	appid=A&appsecret=S&attach=1&x=1&y=2&outer_trade_no=O&pay_result=success&timestamp=T
//
// reads as attach "1&x=1&y=2" on the page and as attach "1", x "1" and
// y "2&outer_trade_no=O&..." in the message.
func (s *Server) recut(fields pairs, app App) (pairs, string) {
	params := fields.params()
	delete(params, "appid")
	delete(params, "attach")
	names := slices.Sorted(maps.Keys(params))

	attach := "1"
	for _, name := range names {
		attach += "&" + name + "=" + params[name]
	}
	own, timestamp := recutOrder(s.Seller), params["timestamp"]
	seen := sign(s.Hash, map[string]string{
		"appid":          app.ID,
		"attach":         attach,
		"outer_trade_no": own,
		"pay_result":     resultSuccess,
		"timestamp":      timestamp,
	}, app.Secret)

	last := names[len(names)-1]
	fields.set(last, params[last]+"&outer_trade_no="+own+"&pay_result="+resultSuccess+"&timestamp="+timestamp)
	fields = slices.DeleteFunc(fields, func(p pair) bool { return p.name == "attach" })
	return append(fields, pair{"attach", "1"}), seen
}

// recutOrder is the number of the attacker's own order.
func recutOrder(seller App) string { return seller.ID + "99" }

// extended appends a field to a message whose signature is known.
func (s *Server) extended(fields pairs, app App) (pairs, string) {
	known := signable(fields.params(), app.Secret)
	digest, _ := hex.DecodeString(sign(s.Hash, fields.params(), app.Secret))
	glue, longer := extend(s.Hash, digest, len(known), "&z=1")

	last := slices.Max(slices.Collect(maps.Keys(fields.params())))
	fields.set(last, fields.get(last)+glue)
	return append(fields, pair{"z", "1"}), hex.EncodeToString(longer)
}

// extend computes the digest of text + glue + suffix from the digest of a text
// it does not know and the text's length: a digest is the state in which the
// hash goes on, once the padding of the text has become part of it.
func extend(hash crypto.Hash, digest []byte, length int, suffix string) (glue string, longer []byte) {
	h := hash.New()
	glue = padding(length, h.BlockSize())
	// The state of Go's hashes: 4 bytes that name the hash, the state proper,
	// a block that has begun, the number of bytes so far in the last 8.
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic(err) // a new hash can always say so
	}
	copy(state[4:], digest)
	copy(state[len(state)-8:], bigEndian(length+len(glue)))
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		panic(err)
	}
	h.Write([]byte(suffix))
	return glue, h.Sum(nil)
}

// padding is what a hash with this block size appends to a text: one bit, then
// zeros, then the text's length in bits in an eighth of a block.
func padding(length, block int) string {
	field := block / 8
	zeros := block - 1 - (length+field)%block
	return "\x80" + strings.Repeat("\x00", zeros+field-8) + bigEndian(length*8)
}

// bigEndian is n in 8 bytes.
func bigEndian(n int) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(n))) //nolint:gosec // a length is never negative
}
