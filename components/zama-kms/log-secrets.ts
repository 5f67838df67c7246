/**
 * What no log that leaves the cluster may have in it. A line with any of these is dropped whole.
 *
 * Written in what the regular expressions of Fluent Bit (Onigmo) and of JavaScript have in common.
 */
export const secretPatterns: Readonly<Record<string, string>> = {
  "private key, and its lines": "-----(BEGIN|END) [A-Z ]*PRIVATE KEY-----",
  "line of base64, as a key's or a certificate's": "^\\s*[A-Za-z0-9+/]{60,76}={0,2}\\s*$",
  "AWS access key": "(^|[^A-Z0-9])(AKIA|ASIA)[A-Z0-9]{16}([^A-Z0-9]|$)",
  "value of a secret": '(?i:secret|password|passwd|token|private_?key|api_?key)[A-Za-z_]*"?\\s*[=:]\\s*"?[^\\s"]',
  "web identity token": "eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{8,}\\.",
  "password in an address": "://[^/\\s:@]+:[^/\\s@]+@",
  "key in the address of a chain's endpoint": '(https?|wss?)://(?![^\\s/]*amazonaws\\.com)[^\\s"]*/[A-Za-z0-9_-]{24,}',
  "private key of Ethereum": "(key|KEY|Key)[^0-9a-zA-Z]{1,4}(0x)?[0-9a-fA-F]{64}([^0-9a-fA-F]|$)",
};
