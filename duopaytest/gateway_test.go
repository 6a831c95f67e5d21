package duopaytest_test

import (
	"net/http"
	"testing"

	"github.com/duopay/duopay/duopaytest"
)

func TestGateway(t *testing.T) {
	duopaytest.Run(t, func(testing.TB, *http.Client) duopaytest.Rig { return duopaytest.NewGateway().Rig() })
}
