// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// Answers as Chainlink's aggregators do (AggregatorV3Interface), prices and sequencer uptime alike; what it answers is
/// what a test says.
contract Feed {
    uint256 public constant version = 4;
    uint8 public decimals;
    string public description;
    bool private broken;
    uint80 private round;
    int256 private answer;
    uint256 private startedAt;
    uint256 private updatedAt;

    constructor(uint8 decimals_) {
        decimals = decimals_;
        description = 'COIN / USD';
    }

    function say(int256 answer_, uint256 startedAt_, uint256 updatedAt_) external {
        round++;
        (answer, startedAt, updatedAt) = (answer_, startedAt_, updatedAt_);
    }

    function setDecimals(uint8 decimals_) external {
        decimals = decimals_;
    }

    function setBroken(bool broken_) external {
        broken = broken_;
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        require(!broken, 'No data present');
        return (round, answer, startedAt, updatedAt, round);
    }
}
