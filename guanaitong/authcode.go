package guanaitong

import (
	"context"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/check"
)

var (
	authCodeByMobile   = operation{path: "/sso/employee/getAuthCodeByMobile", timeLimit: readLimit, repeatable: true}
	authCodeByCorpCode = operation{path: "/sso/employee/getAuthCodeByCorpCode", timeLimit: readLimit, repeatable: true}
	authCodeByEmail    = operation{path: "/sso/employee/getAuthCodeByEmail", timeLimit: readLimit, repeatable: true}
)

// AuthCodeByMobileRequest names an employee by his mobile number.
type AuthCodeByMobileRequest struct {
	Mobile         string `url:"mobile" validate:"required,min=6,max=20" secret:"true"` // mobile number
	MobileArea     string `url:"mobile_area,omitempty" validate:"max=10"`               // country, such as 86
	EnterpriseCode string `url:"enterprise_code,omitempty" validate:"max=20"`           // required for group and operator apps
}

// AuthCodeByCorpCodeRequest names an employee by exactly one of his numbers.
type AuthCodeByCorpCodeRequest struct {
	UserID         string `url:"userid,omitempty" validate:"max=64" secret:"true"` // the enterprise's lasting id of the employee
	CorpCode       string `url:"corp_code,omitempty" validate:"max=20"`            // staff number
	EnterpriseCode string `url:"enterprise_code,omitempty" validate:"max=20"`      // required for group and operator apps
}

// AuthCodeByEmailRequest names an employee by his mail address.
type AuthCodeByEmailRequest struct {
	Email          string `url:"email" validate:"required,max=254,email" secret:"true"` // mail address
	EnterpriseCode string `url:"enterprise_code,omitempty" validate:"max=20"`           // required for group and operator apps
}

func (r AuthCodeByMobileRequest) check(string) duopay.Violations { return nil }
func (r AuthCodeByCorpCodeRequest) check(string) duopay.Violations {
	return check.ExactlyOne("userid", r.UserID, "corp_code", r.CorpCode)
}
func (r AuthCodeByEmailRequest) check(string) duopay.Violations { return nil }

// AuthCodeReply has an authorisation code. Raw, which would hold it too, is
// empty.
type AuthCodeReply struct {
	Reply
	AuthCode duopay.Secret // single use, lives one minute; reveal it for [PayRequest]
}

func (r *AuthCodeReply) read(p payload) error {
	code, err := decodeText(p.data)
	r.AuthCode, r.Raw = duopay.NewSecret(code), nil
	return err
}

// AuthCodeByMobile gets an authorisation code for [PayRequest]. It is repeated
// if the answer is unclear: a code more does no harm.
//
// Source: the provider's page of sso/employee/getAuthCodeByMobile.
func (c *Client) AuthCodeByMobile(ctx context.Context, r AuthCodeByMobileRequest) (*AuthCodeReply, error) {
	return call(ctx, c, authCodeByMobile, r, accepted[AuthCodeReply])
}

// AuthCodeByCorpCode is [Client.AuthCodeByMobile] by the enterprise's own
// numbers.
//
// Source: official Java SDK, sso/employee/getAuthCodeByCorpCode.
func (c *Client) AuthCodeByCorpCode(ctx context.Context, r AuthCodeByCorpCodeRequest) (*AuthCodeReply, error) {
	return call(ctx, c, authCodeByCorpCode, r, accepted[AuthCodeReply])
}

// AuthCodeByEmail is [Client.AuthCodeByMobile] by the mail address.
//
// Source: official Java SDK, sso/employee/getAuthCodeByEmail.
func (c *Client) AuthCodeByEmail(ctx context.Context, r AuthCodeByEmailRequest) (*AuthCodeReply, error) {
	return call(ctx, c, authCodeByEmail, r, accepted[AuthCodeReply])
}
