package guanaitong

import "strings"

// unmask puts the secrets into a text to sign.
func unmask(text, secret, token string) string {
	return strings.NewReplacer("access_token=[secret]", "access_token="+token, "appsecret=[secret]", "appsecret="+secret).Replace(text)
}
