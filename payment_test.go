package duopay_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
)

func TestStatus(t *testing.T) {
	for status, c := range map[duopay.Status]struct {
		paid, notPaid bool
		text          string
	}{
		duopay.Unknown:         {false, false, "unknown"},
		duopay.Pending:         {false, false, "pending"},
		duopay.Paid:            {true, false, "paid"},
		duopay.PartialRefunded: {true, false, "partly refunded"},
		duopay.Refunded:        {true, false, "refunded"},
		duopay.Canceled:        {false, true, "canceled"},
		duopay.Closed:          {false, true, "closed"},
		duopay.Failed:          {false, true, "failed"},
		"something new":        {false, false, "something new"},
	} {
		assert.Equal(t, c.paid, status.Paid(), "%v", status)
		assert.Equal(t, c.notPaid, status.NotPaid(), "%v", status)
		assert.Equal(t, c.text, status.String())
	}
	var payment duopay.Payment
	assert.Equal(t, duopay.Unknown, payment.Status, "what is not proven is not claimed")
}

func TestRefundStatus(t *testing.T) {
	for status, text := range map[duopay.RefundStatus]string{
		duopay.RefundUnknown: "unknown", duopay.RefundPending: "pending", duopay.RefundDone: "refunded", duopay.RefundFailed: "failed",
	} {
		assert.Equal(t, text, status.String())
	}
	assert.Equal(t, duopay.RefundUnknown, duopay.RefundResult{}.Status)
}

func TestPaymentMatch(t *testing.T) {
	order := duopay.Reference{OrderNo: "A1", Amount: duopay.MustMoney("12.50")}
	for name, c := range map[string]struct {
		payment duopay.Payment
		want    error
		text    string
	}{
		"same":            {duopay.Payment{OrderNo: "A1", Amount: duopay.MustMoney("12.5")}, nil, ""},
		"other order":     {duopay.Payment{OrderNo: "A2", Amount: order.Amount}, duopay.ErrOrderMismatch, `duopay: the answer is about another order: "A2", not "A1"`},
		"no order":        {duopay.Payment{Amount: order.Amount}, duopay.ErrOrderMismatch, `duopay: the answer is about another order: "", not "A1"`},
		"other case":      {duopay.Payment{OrderNo: "a1", Amount: order.Amount}, duopay.ErrOrderMismatch, `duopay: the answer is about another order: "a1", not "A1"`},
		"one fen less":    {duopay.Payment{OrderNo: "A1", Amount: duopay.MustMoney("12.49")}, duopay.ErrAmountMismatch, "duopay: the amount differs from what was ordered: 12.49, not 12.50"},
		"one fen more":    {duopay.Payment{OrderNo: "A1", Amount: duopay.MustMoney("12.51")}, duopay.ErrAmountMismatch, "duopay: the amount differs from what was ordered: 12.51, not 12.50"},
		"amount not said": {duopay.Payment{OrderNo: "A1", Received: order.Amount}, duopay.ErrAmountMismatch, "duopay: the amount differs from what was ordered: 0.00, not 12.50"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.payment.Match(order)
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.want)
			require.EqualError(t, err, c.text)
		})
	}
}
