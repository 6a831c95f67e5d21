package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay/fubei/fubeitest"
)

func TestQuickstart(t *testing.T) {
	var out, progress bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out, &progress))
	want, err := os.ReadFile("testdata/quickstart.txt")
	require.NoError(t, err)
	assert.Equal(t, string(want), out.String())
	assert.Contains(t, progress.String(), "asking again in")
}

// A real charge, but for the gateway.
func TestCredentials(t *testing.T) {
	var out, progress bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-credentials-example"}, &out, &progress))
	server := fubeitest.NewServer()
	defer server.Close()
	filled := strings.NewReplacer(
		"https://shq-api.51fubei.com", server.URL, "your 20-digit app_id", server.AppID, "your secret", server.Secret,
		"the payment code from the payer's phone", "130784921069830971",
	).Replace(out.String())
	file := filepath.Join(t.TempDir(), "shop.json")
	require.NoError(t, os.WriteFile(file, []byte(filled), 0o600))

	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-credentials", file}, &out, &progress))
	assert.Contains(t, out.String(), "paid")
	require.Len(t, server.Orders(), 1)
	assert.EqualValues(t, 1, server.Orders()[0].ChargedFen)
	assert.NotContains(t, out.String()+progress.String(), server.Secret)
}

func TestWrongUse(t *testing.T) {
	var out, progress bytes.Buffer
	require.Error(t, run(t.Context(), []string{"-credentials", filepath.Join(t.TempDir(), "none.json")}, &out, &progress))
	require.Error(t, run(t.Context(), []string{"-no-such-flag"}, &out, &progress))
}
