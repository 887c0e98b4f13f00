"""What to do next after each refusal of the policy, as pages say it."""

from archive.administration.policy import Denial

NEXT_STEP = {
    Denial.ROLE: "如需此权限，请联系安全保密管理员。",
    Denial.SCOPE: "如需此权限，请联系安全保密管理员。",
    Denial.NOT_HERE: "请核对档号；他单位的档案，请先在“利用”中提交申请，批准后凭利用单阅览。",
    Denial.NOT_FILING: "请由立卷单位或其上级单位办理。",
    Denial.NOT_COLLECTED: "需要查看的，请由民警办理。",
    Denial.NEEDS_GRANT: "请在“利用”中提交申请，批准后凭利用单阅览；利用单到期须重新申请。",
    Denial.STATE: "请在归档完成后再试。",
}
