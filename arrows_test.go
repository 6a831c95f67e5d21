package duopay_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/duopay/duopay"

// libraries are the modules that library packages may stand on.
var libraries = []string{
	"github.com/cenkalti/backoff/v5",
	"github.com/emmansun/gmsm",
	"github.com/go-playground/validator/v10",
	"github.com/google/go-querystring",
	"github.com/shopspring/decimal",
	"golang.org/x/sync",
	"golang.org/x/text",
	"software.sslmate.com/src/go-pkcs12",
}

// cryptography is what a fake may stand on beside the standard library.
var cryptography = []string{"github.com/emmansun/gmsm", "golang.org/x/text"}

// mayImport reports whether a package of the module may import another
// package, by their paths below the module; imports from elsewhere have their
// full path. Tests and examples may import anything.
func mayImport(from, to string) bool {
	ours := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return to == p || strings.HasPrefix(to, p+"/") })
	}
	provider, _, _ := strings.Cut(from, "/")
	switch {
	case strings.HasSuffix(from, "/"+provider+"test"): // a fake is an independent witness
		return ours("internal/sandbox") || ours(cryptography...)
	case from == ".":
		return ours(libraries...)
	case from == "duopaytest":
		return ours(".")
	case from == "internal/sandbox":
		return false
	case provider == "internal":
		return ours(libraries...) || ours(".", "internal") && to != "internal/sandbox"
	default: // a provider
		return ours(libraries...) || ours(".", "internal", provider+"/internal") && to != "internal/sandbox"
	}
}

// The arrows between the rooms of the house point as CONTRIBUTING.md says.
func TestArrows(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (file == "examples" || entry.Name() == "testdata" || file != "." && strings.HasPrefix(entry.Name(), ".")):
			return filepath.SkipDir
		case !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		files++
		from := path.Dir(filepath.ToSlash(file))
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range source.Imports {
			to, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if first, _, _ := strings.Cut(to, "/"); !strings.Contains(first, ".") {
				continue // the standard library
			}
			if to == module {
				to = "."
			}
			to = strings.TrimPrefix(to, module+"/")
			assert.True(t, mayImport(from, to), "%s imports %s", file, to)
		}
		return nil
	})
	require.NoError(t, err)
	assert.Greater(t, files, 20)
}

// The test of the arrows can fail.
func TestArrowsAreChecked(t *testing.T) {
	for _, arrow := range [][2]string{
		{".", "fubei"}, {".", "internal/wire"}, {"internal/sandbox", "."}, {"internal/wire", "fubei"}, {"fubei", "fufu"},
		{"fubei", "internal/sandbox"}, {"fubei", "fubei/fubeitest"}, {"fubei/fubeitest", "fubei"}, {"fubei/fubeitest", "."},
		{"fubei/fubeitest", "internal/canonical"}, {"fubei", "github.com/stretchr/testify/assert"}, {"duopaytest", "fubei"},
	} {
		assert.False(t, mayImport(arrow[0], arrow[1]), "%s -> %s", arrow[0], arrow[1])
	}
	for _, arrow := range [][2]string{
		{"fubei", "."}, {"fubei", "internal/wire"}, {"internal/wire", "."}, {"fubei/fubeitest", "internal/sandbox"},
		{"duopaytest", "."}, {".", "github.com/shopspring/decimal"}, {"ysepay/ysepaytest", "github.com/emmansun/gmsm/sm2"},
	} {
		assert.True(t, mayImport(arrow[0], arrow[1]), "%s -> %s", arrow[0], arrow[1])
	}
}
