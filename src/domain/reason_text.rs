//! What each reason code means to people: who owns it, whether anything may lift it, what it says, what to do.
//!
//! One table, and a code without its line does not compile. Texts are for the lender's own people; a page for the customer
//! is made of them (`reflow explain`).

use super::words::Word;
use super::{ReasonCode, Text};
use crate::words;

words! {
    /// Who answers for a rule.
    pub enum Owner {
        Law = "law",
        Risk = "risk",
        Compliance = "compliance",
        Business = "business",
    }
}

words! {
    /// Whether another part of a policy could lift it.
    pub enum Severity {
        /// Nothing lifts it.
        Hard = "hard",
        /// It passes with time or by a change of terms.
        Soft = "soft",
    }
}

words! {
    /// The language of a text.
    pub enum Language {
        English = "en",
        Chinese = "zh",
    }
}

/// What one code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonText {
    pub owner: Owner,
    pub severity: Severity,
    meaning: [&'static str; 2],
    remedy: [&'static str; 2],
}

impl ReasonText {
    /// What it says.
    pub fn meaning(&self, language: Language) -> &'static str {
        self.meaning[language.ordinal()]
    }

    /// What to do.
    pub fn remedy(&self, language: Language) -> &'static str {
        self.remedy[language.ordinal()]
    }
}

/// Most reasons that a person is told; the rest stands in the decision.
pub const PRINCIPAL_MAX: usize = 4;

/// The principal reasons of a no, by weight: what nothing lifts before what passes, law before risk before compliance before
/// business, else in the order of judging. A code that a policy added itself counts as hard, after our own.
pub fn principal(codes: &[Text]) -> Vec<&Text> {
    let weight = |code: &&Text| match ReasonCode::named(code) {
        Some(known) => (text(known).severity, text(known).owner as usize),
        None => (Severity::Hard, Owner::ALL.len()),
    };
    let mut sorted: Vec<&Text> = codes.iter().collect();
    sorted.sort_by_key(weight);
    sorted.truncate(PRINCIPAL_MAX);
    sorted
}

macro_rules! texts {
    ($($code:ident, $owner:ident, $severity:ident: $en:literal, $zh:literal; $do_en:literal, $do_zh:literal;)+) => {
        /// The text of a code.
        pub fn text(code: ReasonCode) -> ReasonText {
            let (owner, severity, meaning, remedy) = match code {
                $(ReasonCode::$code => (Owner::$owner, Severity::$severity, [$en, $zh], [$do_en, $do_zh]),)+
            };
            ReasonText { owner, severity, meaning, remedy }
        }
    };
}

texts! {
    GateContractForbids, Law, Hard:
        "The contract with the partner does not permit this way of approaching its customers.", "与该渠道的合作合同未允许以此方式触达其客户。";
        "Nothing, until the contract is changed and the partner has been told.", "合同变更并告知渠道之前，不做任何动作。";
    GateContractDates, Law, Hard:
        "The contract with the partner was not in force at that moment.", "当时与该渠道的合作合同不在有效期内。";
        "Renew the contract, or wait until it begins.", "续签合同，或等待合同生效。";
    GatePartnerUnlisted, Law, Hard:
        "The partner was not on the published list of cooperation partners at that moment.", "当时该渠道不在已公布的合作机构名单内。";
        "Have the partner listed again and enter the new dates.", "重新列入名单并登记新的有效期。";
    GateNoConsent, Law, Hard:
        "The customer had given no valid consent to offers of our own.", "客户未就本机构自营营销给予有效同意。";
        "Ask for the consent where the customer meets us; consent to servicing is none.", "在客户触点征得营销同意；贷后服务同意不能替代。";
    GateOptOut, Law, Hard:
        "The customer has refused advertising.", "客户已拒绝接收营销。";
        "Nothing; only the customer can take it back.", "不做任何动作；仅客户本人可撤回。";
    GateHardship, Law, Hard:
        "The customer has reported hardship.", "客户已申报困难。";
        "Help with the repayment; no offers until the flag is cleared.", "提供还款协助；标记解除前不营销。";
    GateDispute, Law, Hard:
        "A dispute with the customer is open.", "与客户存在未决争议。";
        "Settle the dispute first.", "先解决争议。";
    GateComplaint, Law, Hard:
        "A complaint of the customer is open.", "客户有未结投诉。";
        "Answer the complaint first.", "先答复投诉。";
    GateInCollection, Law, Hard:
        "The customer is in collection.", "客户处于催收中。";
        "No offers while collection lasts.", "催收期间不营销。";
    GateSelfExclusion, Law, Hard:
        "The customer has asked not to be lent to.", "客户已自我排除，要求不再获得借款。";
        "Nothing; only the customer can take it back.", "不做任何动作；仅客户本人可撤回。";
    GateDeceased, Law, Hard:
        "The customer has died.", "客户已身故。";
        "Nothing.", "不做任何动作。";
    GateMinor, Law, Hard:
        "The customer is a minor.", "客户为未成年人。";
        "Nothing.", "不做任何动作。";
    GateDeadline, Business, Soft:
        "The answer came later than the contract allows.", "答复晚于合同约定的时限。";
        "Nothing for this drawdown; look at the latency when it happens often.", "本次用信无需处理；频繁发生时检查时延。";
    GateQuietHours, Law, Soft:
        "It was outside the hours in which the customer may be contacted.", "当时不在允许联系客户的时段内。";
        "Contact within the hours of the contact policy.", "在联系政策允许的时段内联系。";
    GatePriceCap, Law, Hard:
        "The all-in cost of the offer would be above the cap.", "该方案的综合融资成本将超过上限。";
        "Lower the price or the charges of the offer.", "降低方案的价格或费用。";
    ExcPartnerStaff, Compliance, Hard:
        "The customer works for a partner, or stands on the list of partners' staff.", "客户为合作方员工或在合作方员工名单内。";
        "Nothing; keep the list current.", "不做任何动作；保持名单更新。";
    ExcTestOrder, Compliance, Hard:
        "The request is a test or verification order.", "该申请为测试或验证单。";
        "Nothing.", "不做任何动作。";
    ExcEmployer, Compliance, Hard:
        "The employer in the form or the credit report stands on the list of employers.", "申请表或征信报告中的单位在排除名单内。";
        "Nothing; keep the list current.", "不做任何动作；保持名单更新。";
    ExcSevereDpd, Risk, Hard:
        "The customer is or was severely overdue.", "客户当前或曾经严重逾期。";
        "Nothing, until the repayment record is good enough again.", "还款记录恢复达标之前，不做任何动作。";
    ExcCompensated, Risk, Hard:
        "Somebody else paid for the customer (guarantor, insurer or buy-back).", "曾由担保、保险或回购代客户偿付。";
        "Nothing; such a payment never counts as the customer's own.", "不做任何动作；代偿不视为客户本人还款。";
    ExcRegion, Law, Hard:
        "The customer lives outside the regions in which we may act, or the region is not known.", "客户不在本机构可展业地区，或地区未知。";
        "Nothing; state the region where it is missing.", "不做任何动作；地区缺失时补充。";
    ExcStudent, Compliance, Hard:
        "The customer is a student.", "客户为在校学生。";
        "Nothing.", "不做任何动作。";
    ExcAbuse, Risk, Hard:
        "The customer is marked for abuse.", "客户被标记为恶意使用。";
        "Review the mark when the customer objects.", "客户提出异议时复核标记。";
    ExcFraud, Risk, Hard:
        "The customer is marked for suspected fraud.", "客户被标记为疑似欺诈。";
        "Review the mark when the customer objects.", "客户提出异议时复核标记。";
    ExcCourtFreeze, Risk, Hard:
        "A court has frozen an account of the customer.", "客户账户被司法冻结。";
        "Nothing until the freeze is lifted.", "冻结解除前不做任何动作。";
    ExcOwnStaff, Compliance, Hard:
        "The customer works for us or is related to us.", "客户为本机构员工或关联方。";
        "Use the procedure for staff and related parties.", "按员工及关联方流程处理。";
    ExcMultiLender, Risk, Hard:
        "The customer has open loans or inquiries at too many lenders.", "客户多头借贷过多。";
        "Nothing until there are fewer.", "数量下降前不做任何动作。";
    ExcDebtBurden, Risk, Hard:
        "Debt takes too much of the customer's income.", "客户负债占收入比例过高。";
        "Nothing until the burden is lower.", "负债压力降低前不做任何动作。";
    ExcExposureCap, Risk, Hard:
        "The customer's limits and debts together would be above the cap.", "客户额度与负债合计将超过上限。";
        "No offer; a smaller one would not be better for the customer.", "不提供方案；更小的额度对客户并无改善。";
    ExcRiskBand, Risk, Hard:
        "Our own risk verdict is not in a band that is approached.", "本机构风险结论不在可触达等级内。";
        "Nothing until a new verdict says otherwise.", "新的风险结论出具前不做任何动作。";
    ExcNoOffer, Business, Soft:
        "No offer of the policy fits the customer.", "政策中没有适合该客户的方案。";
        "Look whether an offer for such customers is missing.", "检查是否缺少针对此类客户的方案。";
    HoldReflowEffect, Business, Soft:
        "One more candidate could lower the partner's pass rate by more than was promised, or too many are open.", "再增加一位候选可能使该渠道用信通过率的降幅超过承诺，或在途候选过多。";
        "Wait until earlier drawdowns have ended.", "等待在途用信了结。";
    HoldDrawdownPassFloor, Business, Soft:
        "The partner's pass rate would be below the agreed floor.", "该渠道用信通过率将低于约定下限。";
        "Wait until the rate has recovered.", "等待通过率恢复。";
    HoldMinN, Business, Soft:
        "Too few drawdowns are known to judge our effect, and the few candidates allowed are used.", "可供判断影响的用信样本过少，且允许的少量候选已用完。";
        "Wait for more drawdowns, or until a candidate has ended.", "等待更多用信样本，或候选了结。";
    HoldAvgCost, Compliance, Soft:
        "With this offer the month's candidates would cost more on average than the cap allows, or its cost is not known.", "加上该要约后，当月候选的平均综合融资成本将超过上限，或该要约成本未知。";
        "Wait for cheaper candidates or the next month; state the offer's cost where it is not known.", "等待更低成本的候选或下月；若成本未知，须先列明。";
    HoldDivertedShare, Business, Soft:
        "Diverted and reserved drawdowns would exceed the share that the contract allows.", "转出与预占的用信占比将超过合同约定上限。";
        "Wait for more drawdowns, or until a candidate has ended.", "等待更多用信，或候选了结。";
    HoldLimitApproval, Business, Soft:
        "The partner's limit approval rate is below the level on which the contract holds, or not known.", "该渠道授信通过率低于合同约定的暂停线，或样本不足无法判断。";
        "Wait until the rate has recovered.", "等待授信通过率恢复。";
    HoldQuotaDay, Business, Soft:
        "The partner's quota of the day is used up.", "该渠道当日名额已用完。";
        "Wait for the next day of the contract.", "等待合同约定的下一日。";
    HoldQuotaHour, Business, Soft:
        "The partner's quota of the hour is used up.", "该渠道本小时名额已用完。";
        "Wait for the next hour.", "等待下一小时。";
    HoldPace, Business, Soft:
        "The hourly quota is spread over the hour.", "小时名额按时间均匀发放。";
        "Wait a few minutes.", "稍后再试。";
    HoldBudgetOffers, Business, Soft:
        "The partner's budget of offers for the day is used up.", "该渠道当日要约预算已用完。";
        "Wait until an offer ends unused, or for the next day.", "等待要约未使用而了结，或次日。";
    HoldBudgetCoupon, Business, Soft:
        "The coupon money of the day would be exceeded, or the worth of a coupon is not known.", "将超出当日优惠券预算，或优惠券价值未知。";
        "Wait until a coupon ends unused, or for the next day.", "等待优惠券未使用而了结，或次日。";
    HoldBudgetExposure, Risk, Soft:
        "The limits of live candidates would exceed the exposure budget.", "有效候选的额度合计将超出敞口预算。";
        "Wait until a candidate has ended.", "等待候选了结。";
    HoldReturningShare, Business, Soft:
        "One more customer addressed could lower the partner's share of returning drawdowns by more than was promised.", "再触达一位客户可能使该渠道复借用信占比的降幅超过承诺。";
        "Wait until fewer customers are addressed.", "等待在触达客户减少。";
    HoldFreqCap, Compliance, Soft:
        "The customer was approached as often as is allowed.", "客户被触达次数已达上限。";
        "Wait until an earlier approach is out of the window.", "等待较早的触达移出时间窗。";
    HoldCoolDown, Compliance, Soft:
        "The customer was approached a short time ago.", "客户刚被触达，处于静默期。";
        "Wait until the silence is over.", "等待静默期结束。";
    HoldLiveCandidate, Compliance, Soft:
        "The customer has a live offer already.", "客户已有有效的候选方案。";
        "Wait until it has ended.", "等待其结束。";
    HoldPending, Compliance, Soft:
        "Another request of the customer was being decided.", "客户的另一请求正在决策中。";
        "Nothing; that one is answered.", "无需处理；该请求会得到答复。";
    HoldPartnerPaused, Business, Soft:
        "Somebody has paused the partner.", "该渠道已被人工暂停。";
        "Resume the partner when the cause is gone.", "原因消除后恢复该渠道。";
    CtrlHoldout, Business, Soft:
        "The customer belongs to the control group that is never approached.", "客户属于从不触达的对照组。";
        "Nothing; the group shows what reflow achieves.", "不做任何动作；对照组用于衡量效果。";
    DataMissing, Compliance, Soft:
        "Something that a rule needs is not known.", "规则所需的信息缺失。";
        "Send what is missing, or renew the list that has run out.", "补充缺失信息，或更新已过期的名单。";
    DataStale, Business, Soft:
        "The partner's figures were not current.", "该渠道数据不是最新的。";
        "Look why a part of the worker was silent.", "检查部分服务未上报的原因。";
    DataVerdictMissing, Risk, Hard:
        "There is no risk verdict of our own.", "没有本机构自己的风险结论。";
        "Assess the customer ourselves.", "由本机构自行评估客户。";
    DataVerdictExpired, Risk, Hard:
        "Our own risk verdict was too old.", "本机构风险结论已过期。";
        "Assess the customer again.", "重新评估客户。";
    DataMerged, Business, Hard:
        "The customer's record was merged into another one, which is the one to approach.", "该客户记录已并入另一记录，应以后者为准。";
        "Send the customer's events under the token that remains.", "以保留的客户标识发送事件。";
    DataUnknownPartner, Law, Hard:
        "The policy has no contract for this partner.", "政策中没有该渠道的合同。";
        "Add the contract to the policy, or ask why the partner sends customers.", "在政策中补充合同，或核实该渠道为何送客。";
    DataNoPolicy, Compliance, Soft:
        "No policy was in force.", "当时没有生效的政策。";
        "Publish a policy.", "发布政策。";
    DataPolicyChanged, Compliance, Soft:
        "A part of the worker did not know the policy by which was judged.", "部分服务尚未获得据以判断的政策版本。";
        "Give every worker the same policies.", "使所有服务加载相同的政策。";
    GateBureauAuthorisation, Law, Hard:
        "There is no valid, recent authorisation to ask the credit bureau.", "征信查询授权缺失或已过期。";
        "Ask the customer for the authorisation again.", "请客户重新授权。";
    GateChannel, Law, Hard:
        "The customer has not agreed to be contacted through any channel of this offer.", "客户未同意通过该优惠的任何渠道联系。";
        "Offer it through a channel that the customer agreed to.", "改用客户同意的渠道。";
    ExcRelatedParty, Compliance, Hard:
        "The customer is a related party of the lender.", "客户为本机构关联方。";
        "Nothing.", "不做任何动作。";
    ExcOwnDeclined, Risk, Hard:
        "Our own product declined the customer a short time ago.", "客户近期被本机构自营产品拒绝。";
        "Wait until the days that the policy states have passed.", "等待政策规定的天数届满。";
    ExcOwnOverdue, Risk, Hard:
        "The customer is past due with our own product.", "客户在本机构自营产品上存在逾期。";
        "Wait until the customer has paid.", "等待客户还清逾期。";
    ExcRestructured, Risk, Hard:
        "A loan of the customer was restructured.", "客户存在重组贷款。";
        "Nothing; help with the repayment where it is needed.", "不做任何动作；必要时提供还款协助。";
    ExcGrade, Risk, Hard:
        "The customer's grade is not one that offers are made to.", "客户等级不在可营销等级之内。";
        "Wait until the grade changes.", "等待等级变化。";
    HoldLowResponse, Business, Soft:
        "The customer is unlikely to want an offer and is not disturbed.", "客户响应意愿较低，不予打扰。";
        "Wait for a new response score.", "等待新的响应评分。";
    DataModelUnapproved, Risk, Hard:
        "The model behind a score or verdict is not registered, not valid now, or not approved for this use.", "评分或风险结论所用模型未登记、不在有效期内或未获准用于该用途。";
        "Register the model, or have it approved for this use.", "登记模型或完成该用途的审批。";
    GateEnhancerUnlisted, Law, Hard:
        "The guarantor or insurer of this loan is not on the contract's list, or no longer.", "该笔贷款的增信机构不在合同名单内，或名单已到期。";
        "Have the enhancer listed and enter the dates.", "将增信机构列入名单并登记有效期。";
    ExcOwnProduct, Business, Hard:
        "The customer's own limit is frozen or expired, and the policy approaches no such holder.", "客户自营额度已冻结或到期，政策规定不予营销。";
        "Renew the own limit first.", "先续期自营额度。";
    FairReviewRequired, Compliance, Soft:
        "The offered limit is large: a person looks at it before it is acted upon.", "方案额度较高，须人工复核后方可执行。";
        "Have a person review it.", "由人工复核。";
    FairSelectionTerms, Law, Hard:
        "Price, limit and coupon may not depend on a score, device, partner, channel or region.", "价格、额度、优惠不得取决于评分、设备、来源平台、渠道或地区。";
        "Take it out of the policy.", "从政策中移除。";
    FairProtected, Law, Hard:
        "A protected attribute may be read by no rule.", "任何规则不得使用受保护特征。";
        "Take it out of the policy.", "从政策中移除。";
    FairExistingWorse, Law, Hard:
        "Existing customers would be worse off than new ones of the same grade.", "老客户待遇低于同等级新客户。";
        "Offer existing customers at least the same.", "老客户待遇不得更差。";
    EndDrawdownDisbursed, Business, Soft:
        "The partner's drawdown went through.", "渠道用信已放款。";
        "Nothing.", "不做任何动作。";
    EndDrawdownDeclined, Risk, Soft:
        "The partner's drawdown was declined.", "渠道用信被拒绝。";
        "Nothing.", "不做任何动作。";
    EndDrawdownCancelled, Business, Soft:
        "The partner's drawdown was cancelled.", "渠道用信已取消。";
        "Nothing.", "不做任何动作。";
    EndDrawdownTimedOut, Business, Soft:
        "The partner's drawdown timed out.", "渠道用信已超时。";
        "Nothing.", "不做任何动作。";
    EndDrawdownRerouted, Business, Soft:
        "The partner gave the drawdown to another funder.", "渠道已将用信转至其他资金方。";
        "Nothing.", "不做任何动作。";
    EndExpired, Business, Soft:
        "The offer ran out.", "方案已到期。";
        "Nothing.", "不做任何动作。";
    EndOptOut, Law, Hard:
        "The customer refused, or withdrew the consent.", "客户已拒绝或撤回同意。";
        "Do not contact the customer any more.", "不再联系该客户。";
    EndForbidden, Law, Hard:
        "What became known of the customer forbids an approach.", "新获知的客户情况禁止营销。";
        "Do not approach the customer any more; the record says why.", "不再营销该客户；原因见客户记录。";
    EndCommand, Compliance, Soft:
        "An operator ended it.", "由操作人员终止。";
        "See the command for its reason.", "原因见操作指令。";
    EndErased, Law, Hard:
        "The customer asked to be forgotten.", "客户要求删除其信息。";
        "Nothing.", "不做任何动作。";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_says_something_in_both_languages() {
        for code in ReasonCode::ALL {
            let text = text(*code);
            let chinese = |said: &str| said.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter));
            for said in [text.meaning, text.remedy] {
                assert!(said[0].ends_with('.') && !chinese(said[0]), "{code}: {}", said[0]);
                assert!(said[1].ends_with('。') && chinese(said[1]), "{code}: {}", said[1]);
            }
        }
    }

    #[test]
    fn the_weightiest_four_are_told() {
        let codes: Vec<Text> =
            ["HOLD_QUOTA_DAY", "EXC_NO_OFFER", "EXC_SEVERE_DPD", "EXC_OURS", "GATE_OPT_OUT", "GATE_NO_CONSENT"]
                .map(Text::from)
                .to_vec();
        assert_eq!(principal(&codes), ["GATE_OPT_OUT", "GATE_NO_CONSENT", "EXC_SEVERE_DPD", "EXC_OURS"]);
        assert_eq!(principal(&codes[..2]), ["HOLD_QUOTA_DAY", "EXC_NO_OFFER"]);
    }
}
